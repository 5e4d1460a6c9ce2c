"""The JPEG of a frame: encoded once for all consumers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.types import Frame

QUALITY = 80  # of 100


def jpeg_of(frame: Frame, width: int | None = None) -> bytes:
    """The frame as JPEG, `width` pixels wide if that is narrower; the frame keeps the result for the next caller."""
    key = None if width is None or width >= frame.width else width
    return frame.memo.get(key, lambda: encode_jpeg(frame.image if key is None else scaled(frame.image, key)))


def scaled(image_hwc: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The image at a smaller width in pixels, its shape kept."""
    size = (width, max(1, round(image_hwc.shape[0] * width / image_hwc.shape[1])))
    return cv2.resize(image_hwc, size, interpolation=cv2.INTER_AREA)


def encode_jpeg(image_hwc_rgb: NDArray[np.uint8]) -> bytes:
    """An H x W x 3 RGB image as JPEG."""
    return cv2.imencode(".jpg", image_hwc_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
