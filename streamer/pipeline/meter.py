"""What a run can say about itself: counts, rates and latencies, in bounded memory.

The capturing thread owns a `SourceMeter`, the tracking thread a `TrackMeter`, the publishing thread a `ResultMeter`.
Other threads read `figures`, an immutable snapshot that the owner replaces.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from streamer.events.types import SourceEvent
from streamer.types import State, TrackResult

WINDOW = 4096  # results that percentiles are taken over: two minutes at 30 fps
CAPTURED = 4096  # moments that are kept: more than a source gives in five seconds, or fails in an hour
CAPTURED_NS, HOUR_NS = 5_000_000_000, 3_600_000_000_000
RATE_WINDOW = 30  # results that the momentary rate is taken over


def percentiles(values: list[float]) -> dict[str, float]:
    """The 50th, 95th and 99th percentile; zeros for no values."""
    if not values:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    p50, p95, p99 = np.percentile(np.asarray(values), [50, 95, 99])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "p99": round(float(p99), 2)}


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What a source gave, and how often it failed of late."""

    captured: int = 0
    skipped: int = 0  # frames above the limit of frames a second
    events: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # by kind and cause: `lost stalled`
    last_event: str | None = None
    captured_ns: tuple[int, ...] = ()  # of the last five seconds
    stalls_ns: tuple[int, ...] = ()
    reconnects_ns: tuple[int, ...] = ()

    def quality(self, now_ns: int, nominal_fps: float | None = None) -> dict[str, Any]:
        """Frames a second over the last five seconds beside the promised rate; failures over the last hour."""
        recent = [at for at in self.captured_ns if now_ns - at <= CAPTURED_NS]
        since_ns = min(CAPTURED_NS, now_ns - recent[0]) if recent else 0
        return {
            "fps": round(len(recent) * 1e9 / since_ns, 1) if since_ns else 0.0,
            "nominal_fps": nominal_fps,
            "age_s": round((now_ns - self.captured_ns[-1]) / 1e9, 2) if self.captured_ns else None,
            "stalls_last_hour": sum(now_ns - at <= HOUR_NS for at in self.stalls_ns),
            "reconnects_last_hour": sum(now_ns - at <= HOUR_NS for at in self.reconnects_ns),
        }


class SourceMeter:
    """Fed by the capturing thread."""

    def __init__(self) -> None:
        self.figures = SourceFigures()
        self._captured = self._skipped = 0
        self._events: Counter[str] = Counter()
        self._last_event: str | None = None
        self._captured_ns: deque[int] = deque(maxlen=CAPTURED)
        self._stalls_ns: deque[int] = deque(maxlen=CAPTURED)
        self._reconnects_ns: deque[int] = deque(maxlen=CAPTURED)

    def capture(self, captured_ns: int) -> None:
        """Count a frame."""
        self._captured += 1
        self._captured_ns.append(captured_ns)
        while captured_ns - self._captured_ns[0] > CAPTURED_NS:
            self._captured_ns.popleft()
        self._publish()

    def skip(self) -> None:
        """Count a frame above the limit of frames a second."""
        self._skipped += 1
        self._publish()

    def count(self, event: SourceEvent) -> None:
        """Count what happened to the source."""
        self._events[f"{event.kind} {event.cause}"] += 1
        self._last_event = event.message
        if event.kind == "lost" and event.cause in ("stalled", "frozen"):
            self._stalls_ns.append(event.monotonic_ns)
        if event.kind == "restored":
            self._reconnects_ns.append(event.monotonic_ns)
        self._publish()

    def _publish(self) -> None:
        self.figures = SourceFigures(
            self._captured,
            self._skipped,
            MappingProxyType(dict(self._events)),
            self._last_event,
            tuple(self._captured_ns),
            tuple(self._stalls_ns),
            tuple(self._reconnects_ns),
        )


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """The newest state of one object, and on how many frames it was seen."""

    object_id: int
    state: State
    score: float
    frames: int = 0


@dataclass(frozen=True, slots=True)
class TrackFigures:
    """What the model tracked, how fast, and how old its results were when they were there."""

    tracked: int = 0
    first_ns: int = 0
    last_ns: int = 0
    latencies_ms: tuple[float, ...] = ()
    recent_ns: tuple[int, ...] = ()
    objects: tuple[ObjectFigures, ...] = ()  # by id

    @property
    def fps(self) -> float:
        """Results a second since the first one."""
        return (self.tracked - 1) / ((self.last_ns - self.first_ns) / 1e9) if self.last_ns > self.first_ns else 0.0

    @property
    def recent_fps(self) -> float:
        if len(self.recent_ns) < 2 or self.recent_ns[-1] == self.recent_ns[0]:
            return 0.0
        return (len(self.recent_ns) - 1) / ((self.recent_ns[-1] - self.recent_ns[0]) / 1e9)

    def summary(self) -> dict[str, Any]:
        """The figures of `--json`."""
        return {
            "fps": round(self.fps, 2),
            "fps_now": round(self.recent_fps, 1),
            "latency_ms": percentiles(list(self.latencies_ms)),
            "objects": [
                {"id": one.object_id, "state": one.state, "score": round(one.score, 4), "frames": one.frames}
                for one in self.objects
            ],
        }


@dataclass(slots=True)
class TrackMeter:
    """Fed by the tracking thread."""

    figures: TrackFigures = TrackFigures()
    _latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _recent_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    def update(self, result: TrackResult, handed_ns: int) -> None:
        """Count one result that was handed to the sinks at `handed_ns`."""
        before = self.figures
        self._recent_ns.append(handed_ns)
        self._latencies_ms.append((handed_ns - result.frame.captured_ns) / 1e6)
        seen = {one.object_id: one.frames for one in before.objects}
        self.figures = TrackFigures(
            before.tracked + 1,
            before.first_ns or handed_ns,
            handed_ns,
            tuple(self._latencies_ms),
            tuple(self._recent_ns),
            tuple(
                ObjectFigures(
                    one.object_id,
                    one.state,
                    one.score,
                    seen.get(one.object_id, 0) + (one.state == "tracked" and one.age == 0),
                )
                for one in sorted(result.tracks, key=lambda track: track.object_id)
            ),
        )
