"""Recordings and still images, where every frame can be read again."""
