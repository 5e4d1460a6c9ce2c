"""Region similarity J and boundary accuracy F (Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv 1704.00675)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from streamer.masks import Mask, iou

RECALLED = 0.5  # a frame above this counts as found
QUARTERS = 4
BOUND = 0.008  # of the image's diagonal: how far a boundary may be off and still match


@dataclass(frozen=True, slots=True)
class Series:
    """One score over the frames of one object, and the three figures that DAVIS takes of it."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def recall(self) -> float:
        """The share of frames with a score above 0.5."""
        return float(np.mean(np.array(self.values) > RECALLED))

    @property
    def decay(self) -> float:
        """How much the mean of the last quarter is below that of the first; the quarters share their border frames."""
        borders = np.round(np.linspace(1, len(self.values), QUARTERS + 1) + 1e-10).astype(int) - 1
        first = self.values[borders[0] : borders[1] + 1]
        last = self.values[borders[-2] : borders[-1] + 1]
        return float(np.mean(first) - np.mean(last))


def region(found_hw: Mask, true_hw: Mask, void_hw: Mask | None = None) -> float:
    """J: intersection over union outside the void, 0 to 1; 1 for two empty masks."""
    if void_hw is not None:
        found_hw, true_hw = found_hw & ~void_hw, true_hw & ~void_hw
    return iou(found_hw, true_hw)


def outline(mask_hw: Mask) -> Mask:
    """The pixels at which a mask differs from its right, lower or lower right neighbour, as DAVIS takes them."""
    right = np.zeros_like(mask_hw)
    below = np.zeros_like(mask_hw)
    both = np.zeros_like(mask_hw)
    right[:, :-1] = mask_hw[:, 1:]
    below[:-1] = mask_hw[1:]
    both[:-1, :-1] = mask_hw[1:, 1:]
    edges = (mask_hw ^ right) | (mask_hw ^ below) | (mask_hw ^ both)
    edges[-1] = mask_hw[-1] ^ right[-1]
    edges[:, -1] = mask_hw[:, -1] ^ below[:, -1]
    edges[-1, -1] = False
    return edges


def boundary(found_hw: Mask, true_hw: Mask, void_hw: Mask | None = None) -> float:
    """F: the harmonic mean of precision and recall of outline pixels within BOUND of the other's outline, 0 to 1."""
    if void_hw is not None:
        found_hw, true_hw = found_hw & ~void_hw, true_hw & ~void_hw
    radius = int(np.ceil(BOUND * np.hypot(*found_hw.shape)))
    found, true = outline(found_hw), outline(true_hw)
    near_found, near_true = _grown(found, radius), _grown(true, radius)
    return _harmonic(_share(found, near_true), _share(true, near_found), found, true)


def _grown(edges: Mask, radius: int) -> Mask:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (x**2 + y**2 <= radius**2).astype(np.uint8)
    return cv2.dilate(edges.astype(np.uint8), disk).astype(np.bool_)


def _share(edges: Mask, near: Mask) -> float:
    total = int(np.count_nonzero(edges))
    return int(np.count_nonzero(edges & near)) / total if total else 0.0


def _harmonic(precision: float, recall: float, found: Mask, true: Mask) -> float:
    """DAVIS: an outline that is not there has precision 1, one that should not be there recall 1."""
    if not found.any():
        precision, recall = 1.0, 1.0 if not true.any() else 0.0
    elif not true.any():
        precision, recall = 0.0, 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
