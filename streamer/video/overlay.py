"""A frame with its masks drawn in: drawn and encoded once for all sinks, readers and routes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streamer.masks import overlay
from streamer.types import TrackResult
from streamer.video.jpeg import encode_jpeg


def overlay_of(result: TrackResult) -> NDArray[np.uint8]:
    """H x W x 3 RGB, read-only; the result keeps it for the next caller."""
    return result.memo.get("overlay", lambda: _drawn(result))


def overlay_jpeg_of(result: TrackResult) -> bytes:
    """The overlay as JPEG; the result keeps it for the next caller."""
    return result.memo.get("overlay.jpg", lambda: encode_jpeg(overlay_of(result)))


def _drawn(result: TrackResult) -> NDArray[np.uint8]:
    image = overlay(result.frame.image, result.tracks)
    image.flags.writeable = False
    return image
