"""Finders: what detects objects nobody has pointed at."""
