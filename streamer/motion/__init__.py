"""Masks between the model's frames: carried by optical flow."""
