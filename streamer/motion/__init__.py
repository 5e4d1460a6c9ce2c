"""Masks between the model's frames: carried by the motion of the picture."""
