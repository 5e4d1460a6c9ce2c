"""Finders: they detect objects that were not prompted."""
