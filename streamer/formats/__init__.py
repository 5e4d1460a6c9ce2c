"""Masks and tracks in the formats that annotation tools and trainers read, and prompts out of such files."""
