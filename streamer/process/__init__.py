"""The process: memory, threads and files."""
