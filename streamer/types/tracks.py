"""What a tracker and a finder make of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamer.types.camera import Position
from streamer.types.commands import Applied
from streamer.types.frame import Frame
from streamer.types.memo import Memo
from streamer.types.prompt import Box

State = Literal["tracked", "occluded", "lost"]
MaskOrigin = Literal["model", "motion"]


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
    position: Position | None = None  # of a frame with depth
    mask_from: MaskOrigin = "model"
    age: int = 0  # frames since the one on which the model found the mask; 0: this frame
    confidence: float = 1.0  # in a carried mask, 0 to 1; 1 for the model's own


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """What a tracker looks for on a frame."""

    only: frozenset[int] | None = None  # ids of objects; None: all. The others are left as they are
    moved_px: Mapping[int, tuple[float, float]] = field(default_factory=dict)  # x and y since the model's last frame


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
    mask_from: MaskOrigin = "model"  # motion: at least one mask was carried from an earlier frame
    applied: tuple[Applied, ...] = ()  # commands since the last result, on this frame or on untracked ones
    recorded_ns: int | None = None  # a recording's own time, which continues over loops; None for a live source
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

    @property
    def time_ns(self) -> int:
        """A recording's own time, so that durations do not depend on its pace; a live source's capture time."""
        return self.frame.captured_ns if self.recorded_ns is None else self.recorded_ns


@dataclass(frozen=True, slots=True)
class Detection:
    """Something that a finder saw, and that might be tracked."""

    box: Box  # in pixels of the frame
    score: float  # 0 to 1
    label: str = "object"
