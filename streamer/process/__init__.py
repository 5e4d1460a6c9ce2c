"""What this process takes from the system: memory, threads and files."""
