"""Where a lost object is looked for: the whole frame and windows of its size over all of it, a few on each frame."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.search_window import SMALLEST, Crop
from streamer.masks import Mask

SEEK_AFTER = 3  # frames without a sight of it: a shorter absence the tracked memories bridge themselves
SURE = 0.7  # predicted IoU x object score from which a find counts: below, background is found too
AT_A_TIME = 2  # crops a frame, however many objects are lost: what seeking may cost
SHARED = 0.3  # of the smaller mask: a find that covers this share of another object is that object
COARSE = 8  # the ground under other objects is blurred on a frame smaller by this factor
GROWN = 5  # pixels: the rim of another object gives it away as much as its inside


def seek_crops(side: float, height: int, width: int, turn: int) -> list[Crop]:
    """The crops of one turn: the whole frame and half-overlapping windows of that side, all within a few turns."""
    crops = [Crop(0, 0, width, height), *_tiles(side, height, width)]
    start = turn * AT_A_TIME
    return list(dict.fromkeys(crops[(start + n) % len(crops)] for n in range(min(AT_A_TIME, len(crops)))))


def _tiles(side: float, height: int, width: int) -> list[Crop]:
    s = round(min(max(side, SMALLEST), height, width))
    columns, rows = (max(1, math.ceil(2 * length / s) - 1) for length in (width, height))
    xs, ys = (
        np.linspace(0, length - s, count).round().astype(int) for length, count in ((width, columns), (height, rows))
    )
    return [Crop(int(x), int(y), s, s) for y in ys for x in xs]


def without(image_hwc: NDArray[np.uint8], others: Iterable[Mask]) -> NDArray[np.uint8]:
    """The frame with other objects painted over by what is around them, so that none is taken for the lost one."""
    covered = np.zeros(image_hwc.shape[:2], np.uint8)
    for mask in others:
        covered |= mask.view(np.uint8)
    if not covered.any():
        return image_hwc
    covered = cv2.dilate(covered, np.ones((GROWN, GROWN), np.uint8))
    painted = _ground(image_hwc, covered)
    return np.where(covered[..., None] > 0, painted, image_hwc).astype(np.uint8)


def _ground(image_hwc: NDArray[np.uint8], covered_hw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is around the covered pixels, blurred over them."""
    height, width = covered_hw.shape
    small = (max(1, width // COARSE), max(1, height // COARSE))
    free = (1 - covered_hw).astype(np.float32)
    seen = cv2.resize(image_hwc * free[..., None], small, interpolation=cv2.INTER_AREA)
    share = cv2.resize(free, small, interpolation=cv2.INTER_AREA)
    reach = max(small) / 16
    seen, share = (cv2.GaussianBlur(plane, (0, 0), reach) for plane in (seen, share))
    mean = image_hwc.mean((0, 1))
    ground = np.where(share[..., None] > 1e-3, seen / np.maximum(share, 1e-3)[..., None], mean)
    return cv2.resize(ground.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


def shows_another(mask: Mask, others: Iterable[Mask]) -> bool:
    """Whether a mask covers much of another object."""
    area = int(np.count_nonzero(mask))
    return any(
        int(np.count_nonzero(mask & other)) > SHARED * min(area, int(np.count_nonzero(other))) for other in others
    )
