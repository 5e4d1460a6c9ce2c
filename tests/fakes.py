"""Ports without a camera, a model or a disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamer.errors import CommandError
from streamer.types import Command, Frame, Prompt, Remove, Reset, Track, TrackResult, numbered


def picture(index: int, *, source: str = "fake", width: int = 64, height: int = 48) -> Frame:
    return Frame.from_image(np.full((height, width, 3), index % 256, np.uint8), index=index, source=source)


@dataclass
class FakeSource:
    """So many frames; a live one goes on until it is closed."""

    count: int = 5
    live: bool = False
    name: str = "fake"
    fails_at: int | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if index == self.fails_at:
                raise RuntimeError("the camera burned down")
            if self.closed.is_set():
                return
            yield picture(index)

    def close(self) -> None:
        self.closed.set()


class FakeTracker:
    """Follows whatever it is told to, with a mask in the upper left."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.ids: list[int] = []
        self.highest = 0
        self.log: list[tuple[int, tuple[Command, ...]]] = []
        self.fails_at = fails_at

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        commands = numbered(commands, self.ids, self.highest)
        there = set(self.ids)
        for command in commands:
            if isinstance(command, Prompt):
                command.check_inside(frame.height, frame.width)
                there.add(command.object_id)
            elif isinstance(command, Remove) and command.object_id not in there:
                raise CommandError(f"object {command.object_id} is not tracked")
            elif isinstance(command, Reset):
                there.clear()
        return commands

    def describe(self) -> dict[str, Any]:
        return {"model": "fake"}

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        commands = self.check(frame, commands)
        self.highest = max(self.highest, *(c.object_id for c in commands if isinstance(c, Prompt)), 0)
        self.log.append((frame.index, tuple(commands)))
        if frame.index == self.fails_at:
            raise RuntimeError("the tracker lost its mind")
        for command in commands:
            if isinstance(command, Prompt) and command.object_id not in self.ids:
                self.ids.append(command.object_id)
            elif isinstance(command, Remove):
                self.ids.remove(command.object_id)
            elif isinstance(command, Reset):
                self.ids.clear()
        return tuple(track(object_id, frame.height, frame.width) for object_id in self.ids)


def track(object_id: int, height: int = 48, width: int = 64) -> Track:
    mask = np.zeros((height, width), np.bool_)
    mask[2:10, 3:20] = True
    return Track(object_id, mask, (3, 2, 20, 10), 0.9, 0.8, "tracked")


def result(index: int = 0, ids: Sequence[int] = (1,), *, dropped: int = 0) -> TrackResult:
    return TrackResult(picture(index), tuple(track(object_id) for object_id in ids), dropped=dropped)


@dataclass
class ListSink:
    """Keeps every result."""

    results: list[TrackResult] = field(default_factory=list)
    closed: int = 0
    fails_at: int | None = None

    def write(self, result: TrackResult) -> None:
        if len(self.results) == self.fails_at:
            raise RuntimeError("the disk burned down")
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1
