"""Masks of everything in an image: a grid of clicks, of whose answers the good and distinct are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.config.stills import GridSettings
from streamer.edgetam.image import ImageSegmenter, Segment
from streamer.edgetam.search_window import Crop
from streamer.masks import Mask, box_of

CUT_OFF_PX = 20  # a mask that ends so near a crop's edge goes on beyond it


class AutomaticMasks:
    """Everything in an image, the surest first."""

    def __init__(self, segmenter: ImageSegmenter, grid: GridSettings | None = None) -> None:
        self.segmenter = segmenter
        self.grid = grid or GridSettings()
        self._best = (0.0, 0.0)  # predicted IoU and stability of the surest candidate in the last image

    def find(self, image_hwc_rgb: NDArray[np.uint8]) -> tuple[Segment, ...]:
        """Segments with ids from 1, by falling predicted IoU."""
        self._best = (0.0, 0.0)
        found = [segment for crop in self._crops(image_hwc_rgb) for segment in self._in_crop(image_hwc_rgb, *crop)]
        if self.grid.min_area:
            found = [cleaned for segment in found if (cleaned := self._clean(segment)) is not None]
        if not found:
            return ()
        boxes = np.array([segment.box for segment in found], np.float32)
        boxes[:, 2:] -= 1  # as transformers measures boxes
        kept = distinct(boxes, np.array([segment.score for segment in found]), self.grid.box_nms)
        return tuple(_numbered(found[row], number) for number, row in enumerate(kept, 1))

    @property
    def best_candidate(self) -> str:
        """How near the surest candidate in the last image was: where nothing was found, this says what to lower."""
        iou, stability = self._best
        return (
            f"the best candidate has a predicted IoU of {iou:.2f} (more than {self.grid.predicted_iou:g}) and "
            f"a stability of {stability:.2f} (more than {self.grid.stability:g})"
        )

    def _crops(self, image: NDArray[np.uint8]) -> Iterator[tuple[Crop, int]]:
        """The image and its overlapping crops, and how many points a side each gets."""
        height, width = image.shape[:2]
        yield Crop(0, 0, width, height), self.grid.points_per_side
        for layer in range(1, self.grid.crop_layers + 1):
            side = 2**layer
            overlap = int(self.grid.crop_overlap * min(height, width) * 2 / side)
            w, h = (math.ceil((overlap * (side - 1) + length) / side) for length in (width, height))
            points = int(self.grid.points_per_side / self.grid.crop_points_downscale**layer)
            for column in range(side):
                for row in range(side):
                    x, y = (w - overlap) * column, (h - overlap) * row
                    yield Crop(x, y, min(w, width - x), min(h, height - y)), points

    def _in_crop(self, image: NDArray[np.uint8], window: Crop, points: int) -> Iterator[Segment]:
        x, y, w, h = window
        (embedded,) = self.segmenter.embed([image[y : y + h, x : x + w]])
        grid = _point_grid(points) * np.array([w, h], np.float32)
        for start in range(0, len(grid), self.grid.points_at_a_time):
            logits_bnhw, ious_bn = self.segmenter.at_points(embedded, grid[start : start + self.grid.points_at_a_time])
            self._note(logits_bnhw, ious_bn)
            sure = ious_bn > self.grid.predicted_iou
            for logits_hw, score in zip(logits_bnhw[sure], ious_bn[sure], strict=True):
                part = self._stable(logits_hw, h, w)
                if part is not None and not _cut_off(part, window, image.shape[0], image.shape[1]):
                    mask = np.zeros(image.shape[:2], np.bool_)
                    mask[y : y + h, x : x + w] = part
                    yield Segment(0, mask, box_of(mask), float(score), logits_hw.copy())

    def _stable(self, logits_hw: NDArray[np.float32], height: int, width: int) -> Mask | None:
        """The mask at the crop's size, if it would not change much with the threshold; None too where it is empty."""
        wide = cv2.resize(logits_hw, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._stability(wide) <= self.grid.stability:
            return None
        mask: Mask = wide > 0
        return mask if mask.any() else None

    def _stability(self, logits_hw: NDArray[np.float32]) -> float:
        """The IoU of the masks at thresholds above and below 0."""
        outer = int((logits_hw > -self.grid.stability_offset).sum())
        return int((logits_hw > self.grid.stability_offset).sum()) / outer if outer else 0.0

    def _note(self, logits_bnhw: NDArray[np.float32], ious_bn: NDArray[np.float32]) -> None:
        """Remember the surest candidate."""
        row, column = np.unravel_index(int(np.argmax(ious_bn)), ious_bn.shape)
        if (iou := float(ious_bn[row, column])) > self._best[0]:
            self._best = (iou, self._stability(logits_bnhw[row, column]))

    def _clean(self, segment: Segment) -> Segment | None:
        mask = without_specks(segment.mask, self.grid.min_area)
        box = box_of(mask)
        return None if box is None else Segment(0, mask, box, segment.score, segment.logits)


def distinct(boxes_n4: NDArray[np.float32], scores_n: NDArray[np.float64], overlap: float) -> list[int]:
    """Rows of boxes, the surest first, without those that overlap a surer one by more (non-maximum suppression)."""
    areas = (boxes_n4[:, 2] - boxes_n4[:, 0]) * (boxes_n4[:, 3] - boxes_n4[:, 1])
    left, kept = np.argsort(-scores_n, stable=True), []
    while len(left):
        row, left = int(left[0]), left[1:]
        kept.append(row)
        low, high = np.maximum(boxes_n4[row, :2], boxes_n4[left, :2]), np.minimum(boxes_n4[row, 2:], boxes_n4[left, 2:])
        shared = np.maximum(high - low, 0).prod(1)
        left = left[shared <= overlap * (areas[row] + areas[left] - shared)]
    return kept


def without_specks(mask_hw: Mask, min_area: int) -> Mask:
    """A mask without holes and without islands of fewer than `min_area` pixels; empty where nothing larger is there."""
    holes, islands = (_small_pieces(part, min_area) for part in (~mask_hw, mask_hw))
    return (mask_hw | holes) & ~islands


def _small_pieces(mask_hw: Mask, min_area: int) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask_hw.view(np.uint8), connectivity=8)
    small = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] < min_area]
    return np.isin(labels, small)


def _point_grid(points: int) -> NDArray[np.float32]:
    """The centres of so many cells a side, row by row, 0 to 1."""
    line = (np.arange(points, dtype=np.float32) + 0.5) / points
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)


def _cut_off(part_hw: Mask, window: Crop, height: int, width: int) -> bool:
    """Whether a mask ends where its crop does, though the image goes on."""
    box = box_of(part_hw)
    assert box is not None
    x0, y0, x1, y1 = box[0] + window.x, box[1] + window.y, box[2] - 1 + window.x, box[3] - 1 + window.y
    before = ((x0, window.x, 0), (y0, window.y, 0))
    sides = (*before, (x1, window.x + window.width, width), (y1, window.y + window.height, height))
    return any(abs(at - edge) <= CUT_OFF_PX < abs(at - end) for at, edge, end in sides)


def _numbered(segment: Segment, number: int) -> Segment:
    return Segment(number, segment.mask, segment.box, segment.score, segment.logits)
