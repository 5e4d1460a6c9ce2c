"""The part of the frame in which an object is searched for: it follows the object, and magnifies small ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST = 48.0  # pixels: below that a window shows nothing but blur
RECENTRE = 0.5  # of the object's half size: so far it may drift in its window before the window follows
RESCALE = 1.25  # a window follows the object's size where it is off by more
PIECE = 0.3  # of the largest piece of a mask: smaller pieces say nothing of where the object is
GROWTH, SHRINKAGE = 1.15, 0.97  # a frame: an object that seems to shrink faster is being hidden
WIDEN = 1.25  # a frame, while the object is not seen
WHOLE = 0.7  # of the frame's area: a larger window is the frame, which all objects share

Box = tuple[float, float, float, float]


class Crop(NamedTuple):
    """A rectangle of whole pixels inside a frame."""

    x: int
    y: int
    width: int
    height: int

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point of the frame lies in the window."""
        return 0 <= point[0] - self.x < self.width and 0 <= point[1] - self.y < self.height


@dataclass(slots=True)
class SearchWindow:
    """Where one object is looked for; `zoom` is the window's side over the object's longer side.

    The window stands still while the object is well inside it, since a model remembers places in its square.
    """

    zoom: float
    x: float
    y: float
    side: float

    @classmethod
    def on(cls, box: Box, zoom: float) -> SearchWindow:
        """A window around a box (x0, y0, x1, y1)."""
        x, y, side = _around(box, zoom)
        return cls(zoom, x, y, side)

    def reaches(self, other: SearchWindow) -> bool:
        """Whether the middle of another one lies in this window."""
        return max(abs(other.x - self.x), abs(other.y - self.y)) <= self.side / 2

    def window(self, height: int, width: int) -> Crop:
        """The window in a frame: square, but where the frame ends it is moved inside or cut."""
        w, h = min(self.side, width), min(self.side, height)
        if w * h >= WHOLE * width * height:
            return Crop(0, 0, width, height)
        x, y = min(max(self.x - w / 2, 0), width - w), min(max(self.y - h / 2, 0), height - h)
        whole_w, whole_h = round(w), round(h)  # two halves rounded up would reach beyond the frame
        return Crop(min(round(x), width - whole_w), min(round(y), height - whole_h), whole_w, whole_h)

    def follow(self, box: Box, size: float) -> None:
        """The object, in pixels as long as that, was seen there."""
        x, y, _ = _around(box, self.zoom)
        side = max(self.zoom * size, SMALLEST)
        slack = RECENTRE * self.side / self.zoom / 2
        rescaled = not 1 / RESCALE <= side / self.side <= RESCALE
        if rescaled or abs(x - self.x) > slack or abs(y - self.y) > slack:
            self.x, self.y = x, y
            self.side = side if rescaled else self.side

    def cover(self, box: Box, height: int, width: int) -> None:
        """A user points there: look there, if the window does not show it already."""
        window = self.window(height, width)
        if not (window.holds(box[:2]) and window.holds((box[2] - 1, box[3] - 1))):
            self.x, self.y, self.side = _around(around(box, [(self.x, self.y)]), self.zoom)

    def widen(self, height: int, width: int) -> None:
        """The object was not seen: search further around, at last in the whole frame."""
        self.side = min(self.side * WIDEN, max(height, width))

    def open(self, height: int, width: int) -> None:
        """It may be anywhere: search the whole frame."""
        self.side = max(height, width)


def extent(logits_hw: NDArray[np.float32]) -> Box | None:
    """The box around the larger pieces of a mask, in pixels of its logits; None where there is no mask."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((logits_hw > 0).astype(np.uint8))
    if count == 1:
        return None
    pieces = stats[1:]
    large = pieces[pieces[:, cv2.CC_STAT_AREA] >= PIECE * pieces[:, cv2.CC_STAT_AREA].max()]
    x0, y0 = large[:, 0].min(), large[:, 1].min()
    return float(x0), float(y0), float((large[:, 0] + large[:, 2]).max()), float((large[:, 1] + large[:, 3]).max())


def around(box: Box | None, points: Sequence[tuple[float, float]]) -> Box:
    """The box around a box, if there is one, and points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if box is not None:
        xs, ys = [*xs, box[0], box[2]], [*ys, box[1], box[3]]
    return min(xs), min(ys), max(xs), max(ys)


def size_after(size: float | None, box: Box) -> float:
    """An object's longer side in pixels, when it was `size` and is seen in `box`: it changes slowly."""
    now = max(box[2] - box[0], box[3] - box[1])
    return now if size is None else min(max(now, size * SHRINKAGE), size * GROWTH)


def _around(box: Box, zoom: float) -> tuple[float, float, float]:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, max(zoom * max(x1 - x0, y1 - y0), SMALLEST)
