"""Encoded video and images: JPEG, H.264, recordings, and the synthetic scene."""
