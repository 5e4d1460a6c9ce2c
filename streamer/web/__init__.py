"""The live page and the HTTP API: cameras for people and programs that are elsewhere."""
