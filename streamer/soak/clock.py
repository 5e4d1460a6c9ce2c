"""The time of capture, drawn into an image as black and white blocks that survive coding."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

BLOCK = 8  # pixels: one block of a codec
TIME_BITS, CHECK_BITS = 32, 8
MIN_WIDTH = BLOCK * (TIME_BITS + CHECK_BITS)


def stamp(image_hwc: NDArray[np.uint8], milliseconds: int) -> None:
    """Draw the time into the top rows of an image that is at least MIN_WIDTH pixels wide."""
    number = (milliseconds % (1 << TIME_BITS)) << CHECK_BITS | _check(milliseconds)
    bits = [number >> place & 1 for place in reversed(range(TIME_BITS + CHECK_BITS))]
    image_hwc[:BLOCK, :MIN_WIDTH] = np.repeat(np.array(bits, np.uint8) * 255, BLOCK)[None, :, None]


def read(image_hwc: NDArray[np.uint8]) -> int | None:
    """The milliseconds that were drawn; None where the blocks are damaged."""
    blocks = image_hwc[:BLOCK, :MIN_WIDTH].mean(axis=2).reshape(BLOCK, -1, BLOCK).mean(axis=(0, 2))
    if ((blocks > 64) & (blocks < 192)).any():
        return None
    number = cast(int, sum(1 << place for place, block in enumerate(reversed(blocks)) if block > 128))
    milliseconds = number >> CHECK_BITS
    return milliseconds if number & (1 << CHECK_BITS) - 1 == _check(milliseconds) else None


def _check(milliseconds: int) -> int:
    digest = milliseconds % (1 << TIME_BITS) * 0x9E3779B1 >> 7
    return (digest ^ 0xA5) & (1 << CHECK_BITS) - 1  # a black image is no valid time
