"""Capture, track and write: one source through one tracker to any number of sinks."""
