"""The values that flow between stages."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamer.errors import CommandError

log = logging.getLogger(__name__)
State = Literal["tracked", "occluded", "lost"]
Box = tuple[float, float, float, float]
MAX_POINTS = 64  # more clicks than this on one frame are not a person's
MAX_OBJECT_ID = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a source and the moment it arrived."""

    source: str  # name of the camera
    index: int  # position in the source's own count: a gap is a dropped frame
    epoch: int  # +1 at every discontinuity: reconnect, resolution change, loop
    captured_ns: int  # monotonic clock at arrival, taken after the read returned
    wall_ns: int  # Unix time of the same moment
    pts_s: float | None  # the stream's own presentation time
    image: NDArray[np.uint8]  # H x W x 3, RGB, read-only
    corrupt: bool = False  # the decoder reports missing parts: the frame is shown, but not remembered
    jpegs: dict[int | None, bytes] = field(default_factory=dict)  # by width in pixels, None: full; see `video.jpeg`

    @classmethod
    def from_image(
        cls,
        image_hwc_rgb: NDArray[np.uint8],
        *,
        index: int,
        source: str = "image",
        epoch: int = 0,
        pts_s: float | None = None,
        captured_ns: int | None = None,
    ) -> Frame:
        """A frame of a bare H x W x 3 RGB uint8 array, stamped now; raises ValueError for any other array."""
        if image_hwc_rgb.ndim != 3 or image_hwc_rgb.shape[2] != 3 or image_hwc_rgb.dtype != np.uint8:
            raise ValueError(f"a frame's image is H x W x 3 RGB uint8, not {image_hwc_rgb.shape} {image_hwc_rgb.dtype}")
        image = image_hwc_rgb.view()
        image.flags.writeable = False
        now_ns = time.monotonic_ns() if captured_ns is None else captured_ns
        return cls(source, index, epoch, now_ns, time.time_ns(), pts_s, image)

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])


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
        """The prompt with its box cut to a frame of this size, 0 to `width` and 0 to `height`, which is logged."""
        if self.box is None:
            return self
        x0, y0, x1, y1 = self.box
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        if box == self.box:
            return self
        log.warning(
            "%s: box %s reaches out of the %d x %d frame; clipped to %s", self.name, self.box, width, height, box
        )
        return replace(self, box=box)


def _finite(values: Sequence[float], count: int) -> tuple[float, ...] | None:
    """`count` finite numbers as Python floats; None for anything else."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _shown(values: object) -> str:
    return str(tuple(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else values)


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop tracking one object."""

    object_id: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "object_id", checked_id(self.object_id))


@dataclass(frozen=True, slots=True)
class Undo:
    """Go on with an object as if its last prompt had not been; the first one taken back removes the object."""

    object_id: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "object_id", checked_id(self.object_id))


@dataclass(frozen=True, slots=True)
class Reset:
    """Stop tracking all objects."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Frames pass untracked until Resume; what is remembered stays."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Track again after Pause."""


@dataclass(frozen=True, slots=True)
class Find:
    """Look for new objects now, where the run has a finder."""


Command = Prompt | Remove | Undo | Reset | Pause | Resume | Find


def checked_id(object_id: int) -> int:
    """The id as a Python int; raises CommandError unless it is a whole number from 1 to MAX_OBJECT_ID."""
    number = object_id.item() if isinstance(object_id, np.integer) else object_id
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_OBJECT_ID:
        raise CommandError(f"an object's id is a whole number from 1 to {MAX_OBJECT_ID}, not {object_id!r}")
    return number


def allocate_id(used: Collection[int], highest: int) -> int:
    """The id of a new object: above every id so far, `highest`; once those are used up, the lowest that is free."""
    if highest < MAX_OBJECT_ID:
        return highest + 1
    return next(number for number in range(1, MAX_OBJECT_ID + 1) if number not in used)


C = TypeVar("C", bound=Command)


def numbered(commands: Sequence[C], tracked: Collection[int] = (), highest: int = 0) -> tuple[C, ...]:
    """The commands with an id for each prompt that has none; `highest` is the highest id so far.

    Numbering the commands of a longer list gives those of its beginning the same ids.
    """
    used, answer = set(tracked), list[C]()
    for command in commands:
        if isinstance(command, Prompt):
            object_id = allocate_id(used, highest) if command.object_id is None else command.object_id
            used.add(object_id)
            highest = max(highest, object_id)
            answer.append(command if command.object_id is not None else replace(command, object_id=object_id))
        else:
            answer.append(command)
    return tuple(answer)


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a request: the frame it took effect on, or why it did not."""

    error: str | None = None
    index: int | None = None
    epoch: int | None = None
    object_ids: tuple[int, ...] = ()  # of the request's prompts, in their order


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Commands that take effect on one frame together, or not at all."""

    commands: tuple[Command, ...]
    reply: Callable[[Ack], None]
    withdrawn: Callable[[], bool] = lambda: False  # the sender no longer waits: it must not take effect

    def __post_init__(self) -> None:
        ids = [command.object_id for command in self.commands if isinstance(command, Prompt)]
        for object_id in ids:
            if object_id is not None and ids.count(object_id) > 1:
                raise CommandError(f"object {object_id} is prompted twice in one request; send one prompt for each id")

    @property
    def prompted_ids(self) -> set[int]:
        """Objects with a prompt or an undo in this request: a frame takes one of those for each object."""
        ids = (command.object_id for command in self.commands if isinstance(command, Prompt | Undo))
        return {object_id for object_id in ids if object_id is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object on one frame."""

    object_id: int
    mask: NDArray[np.bool_]  # H x W of the frame
    box: tuple[int, int, int, int] | None  # x0, y0, x1, y1 of the mask, the last two exclusive; None if it is empty
    score: float  # the model's estimate that the object is in the frame, 0 to 1
    predicted_iou: float  # the model's own estimate of the mask's IoU, 0 to 1
    state: State
    logits: NDArray[np.float32] | None = None  # low resolution, before the threshold at 0


@dataclass(frozen=True, slots=True, eq=False)
class TrackResult:
    """What the tracker made of one frame."""

    frame: Frame
    tracks: tuple[Track, ...]
    dropped: int = 0  # frames of this source that were never tracked, since the run began
    gap_frames: int = 0  # frames between the last tracked one and this that were not
    gap_s: float = 0.0  # seconds from the last tracked frame to this one, by `time_ns`
    tracked_ns: int = 0  # monotonic clock when the tracks were ready
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    source_of_mask: Literal["model", "motion"] = "model"
    recorded_ns: int | None = None  # a recording's own time, which goes on over loops; None for a live source

    @property
    def time_ns(self) -> int:
        """When this happened: a recording's own time, a live source's capture time. What is measured by it does not
        depend on how fast a recording is read."""
        return self.frame.captured_ns if self.recorded_ns is None else self.recorded_ns


@dataclass(frozen=True, slots=True)
class Detection:
    """Something that a finder saw, and that might be tracked."""

    box: Box  # in pixels of the frame
    score: float  # 0 to 1
    label: str = "object"
