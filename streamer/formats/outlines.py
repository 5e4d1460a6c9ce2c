"""A mask as one polygon, and back: for formats that hold one polygon for each object.

Parts and holes are joined to one ring by bridges of no width, which the even-odd rule fills as the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.masks import Mask, PixelBox

FINER = 4  # outlines are traced on a grid four times as fine, so that they run along the pixels' edges
TOLERANCE_PX = 0.5  # by which an outline may leave the mask's edge
MIN_POINTS = 3
MAX_PX = 1e6  # of a coordinate

Ring = NDArray[np.float64]  # N x 2, x and y in pixels; 0, 0 is the frame's upper left corner


def outline(mask_hw: Mask, box: PixelBox) -> Ring:
    """The mask inside its box as one ring."""
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(mask_hw[y0:y1, x0:x1]).view(np.uint8)
    fine = cv2.resize(part, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [cv2.approxPolyDP(contour, TOLERANCE_PX * FINER, True)[:, 0] for contour in found]
    usable = [ring for ring in rings if len(ring) >= MIN_POINTS] or [_corners(fine)]
    return (joined([ring.astype(np.float64) for ring in usable]) + 0.5) / FINER + (x0, y0)


def _corners(fine: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The corners of a mask that is too thin to have an outline."""
    x, y, width, height = cv2.boundingRect(fine)
    right, below = x + width - 1, y + height - 1
    return np.array([[x, y], [right, y], [right, below], [x, below]], np.int32)


def joined(rings: Sequence[Ring]) -> Ring:
    """One ring of several, the largest first: each further one is reached from its nearest point, and left again."""
    first, *others = sorted(rings, key=lambda ring: -abs(cv2.contourArea(ring.astype(np.float32))))
    whole = first
    for ring in others:
        distances = np.linalg.norm(whole[:, None] - ring[None], axis=2)
        at, begin = np.unravel_index(int(distances.argmin()), distances.shape)
        turned = np.roll(ring, -int(begin), axis=0)
        bridge = (whole[: at + 1], turned, turned[:1], whole[at : at + 1], whole[at + 1 :])
        whole = np.concatenate(bridge)
    return whole


def filled(rings: Sequence[Ring], width: int, height: int) -> Mask:
    """The mask of polygons by the even-odd rule: a pixel counts whose centre is inside. Raises ValueError."""
    if not all(ring.ndim == 2 and ring.shape[1] == 2 and len(ring) >= MIN_POINTS for ring in rings):
        raise ValueError(f"a polygon has {MIN_POINTS} points of x and y, or more")
    if not all(np.isfinite(ring).all() and np.abs(ring).max() <= MAX_PX for ring in rings):
        raise ValueError("a polygon's points are finite numbers of pixels")
    fine = np.zeros((height * FINER, width * FINER), np.uint8)
    points = [np.round(ring * FINER - 0.5).astype(np.int32) for ring in rings]
    cv2.fillPoly(fine, points, 1)
    centre = FINER // 2
    return np.ascontiguousarray(fine[centre::FINER, centre::FINER]).view(np.bool_)
