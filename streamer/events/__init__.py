"""What happens to sources and objects, where it is stored and who is told."""
