"""The Tracker port on EdgeTAM: objects are added, refined and removed on a running stream, and tracked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam.frame_step import FrameStep
from streamer.edgetam.memory import ObjectMemory, capacity_of
from streamer.edgetam.object_table import ObjectTable, TrackedObject
from streamer.edgetam.runtimes.port import Runtime, describe
from streamer.edgetam.tracking_policy import effective
from streamer.types import Attention, Command, Frame, Track

EVERYTHING = Attention()


class StreamingTracker:
    """Tracks objects through a stream, frame by frame; its state is bounded and holds no pixels.

    Not for use from two threads. `track` raises CommandError, with the state as before, for a command that cannot be
    carried out.
    """

    def __init__(self, runtime: Runtime, tracking: TrackingSettings) -> None:
        self.runtime = runtime
        self.tracking = effective(tracking, runtime.info.size)
        self.capacity = capacity_of(runtime.info, self.tracking.conditioning)
        self.table = ObjectTable(self.tracking, self.empty_memory)
        self._step = FrameStep(runtime, self.tracking)

    @property
    def object_ids(self) -> tuple[int, ...]:
        return self.table.object_ids

    @property
    def objects(self) -> Mapping[int, TrackedObject[ObjectMemory]]:
        """What is known of each object."""
        return self.table.objects

    def empty_memory(self) -> ObjectMemory:
        """The memory of an object of which nothing is known."""
        return ObjectMemory(self.capacity)

    def interrupt(self) -> None:
        """The next frame comes after a gap, whatever its epoch."""
        self.table.interrupt()

    def describe(self) -> dict[str, Any]:
        """Model id, input size, runtime, device, dtype, and whether it does more than transformers' loop."""
        return {**describe(self.runtime.info, self.runtime.name), "extensions": self.tracking.extensions}

    def fingerprint(self) -> str:
        """What tells these weights from others."""
        return self.runtime.info.weights

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`."""
        return self.table.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        """Apply commands to this frame and find every object on it, in the order in which they were added."""
        return self.track_some(frame, commands, EVERYTHING)

    def track_some(self, frame: Frame, commands: Sequence[Command], attention: Attention) -> tuple[Track, ...]:
        """As `track`, but of the objects without a prompt only those that `attention` names; the others stay as they
        are. A search window moves with its object.
        """
        changes = self.table.apply(frame, self.table.check(frame, commands))
        lost = tuple(nowhere(object_id, frame) for object_id in self.table.unprompted)
        self.table.follow(attention.moved_px)
        objects = self.table.chosen(attention.only, changes)
        if not objects and not changes.new:
            return lost
        tracks = self._step.run(frame, objects, changes)
        self.table.commit(changes)
        return tracks + lost


def nowhere(object_id: int, frame: Frame) -> Track:
    """A lost object that is not looked for."""
    return Track(object_id, np.zeros((frame.height, frame.width), np.bool_), None, 0.0, 0.0, "lost")
