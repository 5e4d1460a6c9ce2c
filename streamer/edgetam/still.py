"""`--model still`: a tracker without a model, which holds each prompted mask where it was. It imports no torch.

It is for trying sources, sinks, the page and the API, and for tests: a process that runs it starts in under a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam.object_table import ObjectTable, TrackedObject
from streamer.errors import UsageError
from streamer.masks import Mask, box_of
from streamer.types import Command, Frame, Prompt, State, Track

STILL = "still"
CLICK_RADIUS = 0.04  # of the disc that a click makes, as a share of the frame's longer side


@dataclass(slots=True, eq=False)
class HeldMask:
    """What is remembered of one object; there is none before its first prompt is carried out."""

    mask: Mask | None = None

    def copy(self) -> HeldMask:
        return HeldMask(self.mask)

    def forget_recent(self) -> None:
        """All that is remembered was prompted."""


class StillTracker:
    """The Tracker port without a model: a box is a filled box, a click a disc, a mask itself, on every frame.

    Commands, undo, gaps and lost objects are those of `StreamingTracker`. Not for use from two threads.
    """

    def __init__(self, tracking: TrackingSettings | None = None) -> None:
        self.tracking = tracking or TrackingSettings()
        self.table: ObjectTable[HeldMask] = ObjectTable(self.tracking, HeldMask)

    @property
    def object_ids(self) -> tuple[int, ...]:
        return self.table.object_ids

    def describe(self) -> dict[str, Any]:
        """As of any tracker; a side of 0 pixels means that no model sees the frame."""
        return {"id": STILL, "size": 0, "runtime": "numpy", "device": "cpu", "dtype": "bool"}

    def interrupt(self) -> None:
        """The next frame is after a gap, whatever its epoch."""
        self.table.interrupt()

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`."""
        return self.table.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        """Apply commands to this frame; every object's mask, in the order in which they were added."""
        changes = self.table.apply(frame, self.table.check(frame, commands))
        lost = tuple(_empty_track(number, frame, "lost") for number in self.table.unprompted)
        present = self.table.objects | changes.new
        for number, prompt in changes.prompts.items():
            held = present[number].memory
            held.mask = prompted_mask(prompt, frame, held.mask)
        self.table.commit(changes)
        return tuple(self._track(number, tracked, frame) for number, tracked in present.items()) + lost

    def _track(self, object_id: int, tracked: TrackedObject[HeldMask], frame: Frame) -> Track:
        held = tracked.memory
        assert held.mask is not None  # an object begins with a prompt
        held.mask = resized(held.mask, frame.height, frame.width)
        box = box_of(held.mask)
        tracked.unseen = tracked.unseen + 1 if box is None else 0
        if box is None:
            return _empty_track(object_id, frame, "lost" if tracked.unseen >= self.tracking.lost_after else "occluded")
        return Track(object_id, held.mask, box, 1.0, 1.0, "tracked")


def prompted_mask(prompt: Prompt, frame: Frame, before: Mask | None = None) -> Mask:
    """What a prompt shows: its mask, its box filled, or `before`; with a disc added or cut out at each click."""
    height, width = frame.height, frame.width
    if prompt.mask is not None:
        mask = prompt.mask.copy()
    elif prompt.box is not None:
        mask = np.zeros((height, width), np.bool_)
        x0, y0, x1, y1 = prompt.box
        mask[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    else:
        mask = np.zeros((height, width), np.bool_) if before is None else resized(before, height, width).copy()
    y, x = np.ogrid[:height, :width]
    radius = max(1.0, CLICK_RADIUS * max(height, width))
    for (click_x, click_y), label in zip(prompt.points, prompt.labels, strict=True):
        mask[(x - click_x) ** 2 + (y - click_y) ** 2 <= radius**2] = bool(label)
    mask.flags.writeable = False  # it goes out with every frame
    return mask


def resized(mask: Mask, height: int, width: int) -> Mask:
    """The mask in a frame of another size, by the nearest pixel."""
    if mask.shape == (height, width):
        return mask
    rows, columns = np.arange(height) * mask.shape[0] // height, np.arange(width) * mask.shape[1] // width
    other: Mask = mask[rows][:, columns]
    other.flags.writeable = False
    return other


def _empty_track(object_id: int, frame: Frame, state: State) -> Track:
    return Track(object_id, np.zeros((frame.height, frame.width), np.bool_), None, 0.0, 0.0, state)


class StillEngine:
    """What `open_engine("still")` gives: a maker of trackers without weights and without a runtime."""

    def __init__(self, size: int | None = None, device: str = "auto", runtime: str = "auto") -> None:
        """Raises UsageError for settings that only a model has."""
        if size is not None or device not in ("auto", "cpu") or runtime != "auto":
            raise UsageError("model still runs without a model: leave out size, device and runtime")

    def tracker(self, tracking: TrackingSettings | None = None) -> StillTracker:
        """For one stream."""
        return StillTracker(tracking)

    def persistent_tracker(self, state: Path, tracking: TrackingSettings | None = None) -> NoReturn:  # noqa: ARG002
        """Raises UsageError."""
        raise UsageError(f"state: {state}: model still keeps no state; leave out state, or choose another model")

    def describe(self) -> dict[str, Any]:
        return StillTracker().describe()
