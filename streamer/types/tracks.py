"""What a tracker and a finder make of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamer.types.frame import Frame
from streamer.types.memo import Memo
from streamer.types.prompt import Box

State = Literal["tracked", "occluded", "lost"]


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
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

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
