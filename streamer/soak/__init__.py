"""Fault injection: cameras and networks that fail on purpose. For tests and for `streamer soak`."""
