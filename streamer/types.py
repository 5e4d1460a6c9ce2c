"""The values that flow between stages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamer.errors import CommandError

State = Literal["tracked", "occluded", "lost"]
Box = tuple[float, float, float, float]
MAX_POINTS = 64  # more clicks than this on one frame are not a person's
MAX_OBJECT_ID = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source and the moment it arrived."""

    source: str  # name of the camera
    index: int  # position in the source's own count: a gap is a dropped frame
    epoch: int  # +1 at every discontinuity: reconnect, resolution change, loop
    captured_ns: int  # monotonic clock at arrival, taken after the read returned
    wall_ns: int  # Unix time of the same moment
    pts_s: float | None  # the stream's own presentation time
    image: NDArray[np.uint8]  # H x W x 3, RGB, read-only
    corrupt: bool = False  # the decoder says that parts of it are missing: shown, but not remembered

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

    For an id that is not tracked it starts an object; for one that is, it refines it (`mode="replace"` starts it anew).
    Raises CommandError for anything that cannot be meant.
    """

    object_id: int
    points: tuple[tuple[float, float], ...] = ()  # x, y
    labels: tuple[int, ...] = ()  # 1 on the object, 0 off it; one for each point
    box: Box | None = None  # x0, y0, x1, y1
    mask: NDArray[np.bool_] | None = None  # H x W of the frame
    mode: Literal["refine", "replace"] = "refine"

    def __post_init__(self) -> None:
        check_id(self.object_id)
        if self.mode not in ("refine", "replace"):
            raise CommandError(f"object {self.object_id}: mode is 'refine' or 'replace', not {self.mode!r}")
        if self.mask is not None:
            self._check_mask(self.mask)
        elif self.box is None and not self.points:
            raise CommandError(f"object {self.object_id}: a prompt needs points, a box or a mask")
        if len(self.points) != len(self.labels):
            raise CommandError(
                f"object {self.object_id}: {len(self.points)} points but {len(self.labels)} labels; give one label each"
            )
        if len(self.points) > MAX_POINTS:
            raise CommandError(f"object {self.object_id}: {len(self.points)} points; at most {MAX_POINTS} are taken")
        if any(label not in (0, 1) for label in self.labels):
            raise CommandError(
                f"object {self.object_id}: labels are 1 (on the object) or 0 (off it), not {self.labels}"
            )
        if self.box is not None:
            self._check_box(self.box)
        for point in self.points:
            if len(point) != 2 or not all(math.isfinite(v) for v in point):
                raise CommandError(f"object {self.object_id}: point {point} is not a finite x, y")

    def _check_box(self, box: Box) -> None:
        if len(box) != 4 or not all(math.isfinite(v) for v in box):
            raise CommandError(f"object {self.object_id}: box {box} is not four finite numbers x0, y0, x1, y1")
        if box[2] <= box[0] or box[3] <= box[1]:
            raise CommandError(f"object {self.object_id}: box {box} has no area; give x0 < x1 and y0 < y1")

    def _check_mask(self, mask: NDArray[np.bool_]) -> None:
        if self.points or self.box is not None:
            raise CommandError(
                f"object {self.object_id}: a mask stands alone; send the points or the box by themselves"
            )
        if mask.ndim != 2 or mask.dtype != np.bool_:
            raise CommandError(f"object {self.object_id}: a mask is H x W bool, not {mask.shape} {mask.dtype}")
        if not mask.any():
            raise CommandError(f"object {self.object_id}: the mask is empty")

    def check_inside(self, height: int, width: int) -> None:
        """Raise CommandError where the prompt does not lie in a picture of this size."""
        if self.mask is not None and self.mask.shape != (height, width):
            raise CommandError(
                f"object {self.object_id}: the mask is {self.mask.shape[1]} x {self.mask.shape[0]}, "
                f"the frame is {width} x {height}"
            )
        for x, y in self.points:
            if not (0 <= x < width and 0 <= y < height):
                raise CommandError(
                    f"object {self.object_id}: point ({x:g}, {y:g}) is outside the {width} x {height} frame"
                )
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
                raise CommandError(f"object {self.object_id}: box {self.box} is outside the {width} x {height} frame")


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop tracking one object."""

    object_id: int

    def __post_init__(self) -> None:
        check_id(self.object_id)


@dataclass(frozen=True, slots=True)
class Undo:
    """Go on with an object as if its last prompt had not been; the first one taken back removes the object."""

    object_id: int

    def __post_init__(self) -> None:
        check_id(self.object_id)


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


def check_id(object_id: int) -> None:
    if not isinstance(object_id, int) or isinstance(object_id, bool) or not 0 <= object_id <= MAX_OBJECT_ID:
        raise CommandError(f"an object's id is a whole number from 0 to {MAX_OBJECT_ID}, not {object_id!r}")


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of a request: the frame it took effect on, or why it did not."""

    error: str | None = None
    index: int | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Commands that take effect on one frame together, or not at all."""

    commands: tuple[Command, ...]
    reply: Callable[[Ack], None]

    def __post_init__(self) -> None:
        ids = [command.object_id for command in self.commands if isinstance(command, Prompt)]
        for object_id in ids:
            if ids.count(object_id) > 1:
                raise CommandError(f"object {object_id} is prompted twice in one request; send one prompt for each id")

    @property
    def prompted_ids(self) -> set[int]:
        """Objects of which a prompt is given or taken back: one of those for an object on a frame."""
        return {command.object_id for command in self.commands if isinstance(command, Prompt | Undo)}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object on one frame."""

    object_id: int
    mask: NDArray[np.bool_]  # H x W of the frame
    box: tuple[int, int, int, int] | None  # x0, y0, x1, y1 of the mask, the last two exclusive; None if it is empty
    score: float  # the model's belief that the object is in the picture, 0 to 1
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
    gap_s: float = 0.0  # seconds from the last tracked frame's capture to this one's
    tracked_ns: int = 0  # monotonic clock when the tracks were ready
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    source_of_mask: Literal["model", "motion"] = "model"


@dataclass(frozen=True, slots=True)
class Detection:
    """Something that a finder saw, and that might be tracked."""

    box: Box  # in pixels of the frame
    score: float  # 0 to 1
    label: str = "object"
