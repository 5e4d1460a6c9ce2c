"""What a user pointed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamer.errors import CommandError
from streamer.types.ids import checked_id

Box = tuple[float, float, float, float]
MAX_POINTS = 64  # more clicks than this on one frame are not a person's


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What a user pointed at, in pixels of the frame: clicks, a box, both, or a mask.

    Without an id it starts an object, and the tracker allocates one. For an id that is not tracked it starts that
    object; for one that is, it refines it (`mode="replace"` starts it anew). NumPy scalars and arrays are accepted.
    Raises CommandError for a prompt that makes no sense.
    """

    object_id: int | None = None
    points: tuple[tuple[float, float], ...] = ()  # x, y
    labels: tuple[int, ...] = ()  # 1 on the object, 0 off it; one for each point
    box: Box | None = None  # x0, y0, x1, y1
    mask: NDArray[np.bool_] | None = None  # H x W of the frame
    mode: Literal["refine", "replace"] = "refine"

    def __post_init__(self) -> None:
        if self.object_id is not None:
            object.__setattr__(self, "object_id", checked_id(self.object_id))
        if self.mode not in ("refine", "replace"):
            raise CommandError(f"{self.name}: mode is 'refine' or 'replace', not {self.mode!r}")
        if self.mask is not None:
            self._check_mask(self.mask)
        elif self.box is None and len(self.points) == 0:
            raise CommandError(f"{self.name}: a prompt needs points, a box or a mask")
        self._set_points()
        if self.box is not None:
            object.__setattr__(self, "box", self._checked_box(self.box))

    @property
    def known_id(self) -> int:
        """The object's id; raises ValueError where none was set or allocated."""
        if self.object_id is None:
            raise ValueError("this prompt has no object id yet: Tracker.check allocates it")
        return self.object_id

    @property
    def name(self) -> str:
        """What errors call the object."""
        return "new object" if self.object_id is None else f"object {self.object_id}"

    def _set_points(self) -> None:
        if len(self.points) != len(self.labels):
            raise CommandError(
                f"{self.name}: {len(self.points)} points but {len(self.labels)} labels; give one label each"
            )
        if len(self.points) > MAX_POINTS:
            raise CommandError(f"{self.name}: {len(self.points)} points; at most {MAX_POINTS} are accepted")
        if any(label not in (0, 1) for label in self.labels):
            raise CommandError(f"{self.name}: labels are 1 (on the object) or 0 (off it), not {tuple(self.labels)}")
        object.__setattr__(self, "labels", tuple(int(label) for label in self.labels))
        object.__setattr__(self, "points", tuple(self._checked_point(point) for point in self.points))

    def _checked_point(self, point: Sequence[float]) -> tuple[float, float]:
        numbers = _finite(point, 2)
        if numbers is None:
            raise CommandError(f"{self.name}: point {_shown(point)} is not a finite x, y")
        return numbers[0], numbers[1]

    def _checked_box(self, box: Sequence[float]) -> Box:
        numbers = _finite(box, 4)
        if numbers is None:
            raise CommandError(f"{self.name}: box {_shown(box)} is not four finite numbers x0, y0, x1, y1")
        x0, y0, x1, y1 = numbers
        if x1 <= x0 or y1 <= y0:
            raise CommandError(f"{self.name}: box {_shown(box)} has no area; give x0 < x1 and y0 < y1")
        return x0, y0, x1, y1

    def _check_mask(self, mask: NDArray[np.bool_]) -> None:
        if len(self.points) or self.box is not None:
            raise CommandError(f"{self.name}: a mask stands alone; send the points or the box by themselves")
        if mask.ndim != 2 or mask.dtype != np.bool_:
            raise CommandError(f"{self.name}: a mask is H x W bool, not {mask.shape} {mask.dtype}")
        if not mask.any():
            raise CommandError(f"{self.name}: the mask is empty")

    def check_inside(self, height: int, width: int) -> None:
        """Raise CommandError where the prompt does not lie in a frame of this size."""
        if self.mask is not None and self.mask.shape != (height, width):
            raise CommandError(
                f"{self.name}: the mask is {self.mask.shape[1]} x {self.mask.shape[0]}, the frame is {width} x {height}"
            )
        for x, y in self.points:
            if not (0 <= x < width and 0 <= y < height):
                raise CommandError(f"{self.name}: point ({x:g}, {y:g}) is outside the {width} x {height} frame")
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
                raise CommandError(f"{self.name}: box {self.box} is outside the {width} x {height} frame")

    def clipped(self, height: int, width: int) -> Prompt:
        """The prompt with its box cut to a frame of this size, 0 to `width` and 0 to `height`."""
        if self.box is None:
            return self
        x0, y0, x1, y1 = self.box
        return replace(self, box=(max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))))


def _finite(values: Sequence[float], count: int) -> tuple[float, ...] | None:
    """`count` finite numbers as Python floats; None for anything else."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _shown(values: object) -> str:
    return str(tuple(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else values)
