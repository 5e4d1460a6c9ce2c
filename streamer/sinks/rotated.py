"""A recording in parts: a new file after a time or a size, the oldest deleted."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.events.types import Event
from streamer.ports import EventSink, NotesRun, Sink
from streamer.types import TrackResult

log = logging.getLogger(__name__)
CHECK_EVERY = 30  # frames between looks at a file's size
MAX_EARLY = 1000  # events before the first part, which the first frame opens


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a part ends, and how many are kept; None is no limit."""

    every_s: float | None = None
    max_bytes: float | None = None
    keep: int | None = None


class RotatedSink:
    """Writes `run-20261123-054600.mp4` and so on for `run.mp4`, named by the time of the first frame.

    Each part plays by itself. Of the parts with this name, earlier runs included, the newest `keep` are kept.
    """

    def __init__(self, path: Path, rotation: Rotation, reopen: Callable[[Path], Sink]) -> None:
        self._path = path
        self._rotation = rotation
        self._reopen = reopen
        self._sink: Sink | None = None
        self._part = path
        self._began_ns = 0
        self._frames = 0
        self._early: deque[Event] = deque(maxlen=MAX_EARLY)  # events before the first frame
        self._run: Mapping[str, Any] | None = None

    def begin(self, run: Mapping[str, Any]) -> None:
        """What every part writes down."""
        self._run = run

    def write(self, result: TrackResult) -> None:
        if self._sink is None or self._is_full(result):
            self._next(result)
        assert self._sink is not None
        while self._early:
            self.notify(self._early.popleft())
        self._sink.write(result)
        self._frames += 1

    def notify(self, event: Event) -> None:
        if self._sink is None:
            self._early.append(event)
        elif isinstance(self._sink, EventSink):
            self._sink.notify(event)

    def close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _is_full(self, result: TrackResult) -> bool:
        limit = self._rotation
        if limit.every_s is not None and result.time_ns - self._began_ns >= limit.every_s * 1e9:
            return True
        if limit.max_bytes is None or self._frames % CHECK_EVERY:
            return False
        return self._part.stat().st_size >= limit.max_bytes

    def _next(self, result: TrackResult) -> None:
        self.close()
        self._part = unused(named_at(self._path, result.frame.wall_ns))
        self._sink = self._reopen(self._part)
        if self._run is not None and isinstance(self._sink, NotesRun):
            self._sink.begin(self._run)
        self._began_ns, self._frames = result.time_ns, 0
        self._prune()

    def _prune(self) -> None:
        if self._rotation.keep is None:
            return
        pattern = f"{self._path.stem}-????????-??????*{self._path.suffix}"
        parts = sorted(self._path.parent.glob(pattern), key=lambda part: (part.stat().st_mtime, part.name))
        others = [part for part in parts if part != self._part]
        for part in others[: max(0, len(others) - self._rotation.keep + 1)]:
            part.unlink(missing_ok=True)
            log.info("%s: deleted, %d parts are kept", part, self._rotation.keep)


def named_at(path: Path, wall_ns: int) -> Path:
    """The file's name with a local time in it."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(wall_ns / 1e9))
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")


def unused(path: Path) -> Path:
    """The path, with the first free number appended where it exists already."""
    number, free = 1, path
    while free.exists():
        number, free = number + 1, path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
