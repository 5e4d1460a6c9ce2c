"""Images and masks at the model's input size, as transformers resizes them: bilinear, with antialias where they shrink.

Pillow's filter is the one that torch copied, so both agree within one grey level.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streamer.masks import Mask


def resize_image(image_hw3: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """An image on the model's square, S x S x 3."""
    height, width = image_hw3.shape[:2]
    if (height, width) == (size, size):
        return image_hw3
    if height <= size and width <= size:  # nothing shrinks: plain bilinear, in a tenth of the time
        return np.asarray(cv2.resize(image_hw3, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    image = Image.fromarray(np.ascontiguousarray(image_hw3))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def resize_mask(mask_hw: Mask, size: int) -> NDArray[np.float32]:
    """A mask on the model's square, of 0 and 1."""
    return (resize_plane(mask_hw.astype(np.float32), size) >= 0.5).astype(np.float32)


def resize_plane(plane_hw: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """One channel on a square of another size, in float."""
    height, width = plane_hw.shape
    if (height, width) == (size, size):
        return plane_hw
    return (weights(height, size) @ plane_hw @ weights(width, size).T).astype(np.float32)


@functools.lru_cache(maxsize=32)
def weights(length: int, size: int) -> NDArray[np.float32]:
    """What each of `size` pixels takes of each of `length`: a triangle, as wide as two of its own pixels."""
    scale = length / size
    reach = max(scale, 1.0)
    centre = (np.arange(size) + 0.5) * scale
    away = np.abs(np.arange(length)[None] + 0.5 - centre[:, None]) / reach
    triangle = np.maximum(0.0, 1.0 - away)
    return (triangle / triangle.sum(1, keepdims=True)).astype(np.float32)
