"""Cameras that are broken on purpose, and what a pipeline makes of them. For tests and for `streamer soak`."""
