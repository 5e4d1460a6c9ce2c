"""What a run can say about itself: counts, rates and latencies, bounded for ever."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamer.events.types import SourceEvent
from streamer.types import MaskOrigin, State, TrackResult

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


def _rate(moments_ns: Iterable[int]) -> float:
    """How many a second; 0 for less than two."""
    moments = list(moments_ns)  # a copy: another thread appends
    return (
        (len(moments) - 1) * 1e9 / (moments[-1] - moments[0]) if len(moments) > 1 and moments[-1] > moments[0] else 0.0
    )


@dataclass(slots=True)
class Quality:
    """How well a source does: what it gives beside what it says it gives, and how often it failed of late."""

    nominal_fps: float | None = None
    captured_ns: deque[int] = field(default_factory=lambda: deque(maxlen=CAPTURED))
    stalls_ns: deque[int] = field(default_factory=lambda: deque(maxlen=CAPTURED))
    reconnects_ns: deque[int] = field(default_factory=lambda: deque(maxlen=CAPTURED))

    def count(self, event: SourceEvent) -> None:
        if event.kind == "lost" and event.cause in ("stalled", "frozen"):
            self.stalls_ns.append(event.monotonic_ns)
        if event.kind == "restored":
            self.reconnects_ns.append(event.monotonic_ns)

    def summary(self, now_ns: int) -> dict[str, Any]:
        """Rates a second over the last five, counts over the last hour."""
        recent = [at for at in list(self.captured_ns) if now_ns - at <= CAPTURED_NS]
        since_ns = min(CAPTURED_NS, now_ns - recent[0]) if recent else 0
        return {
            "fps": round(len(recent) * 1e9 / since_ns, 1) if since_ns else 0.0,
            "nominal_fps": self.nominal_fps,
            "age_s": round((now_ns - self.captured_ns[-1]) / 1e9, 2) if self.captured_ns else None,
            "stalls_last_hour": sum(now_ns - at <= HOUR_NS for at in list(self.stalls_ns)),
            "reconnects_last_hour": sum(now_ns - at <= HOUR_NS for at in list(self.reconnects_ns)),
        }


@dataclass(slots=True)
class ObjectHistory:
    """The last that was seen of one object, and on how many frames it was there."""

    state: State
    score: float
    frames: int = 0


@dataclass(slots=True)
class Meter:
    """Fed by the stages that track and publish; read by anybody."""

    tracked: int = 0  # frames that the model saw
    results: int = 0  # frames that were published
    carried: int = 0  # of them those with a mask that was carried
    masks: int = 0  # of all published tracks those with a mask
    tracks: int = 0
    first_ns: int = 0
    last_ns: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    recent_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))
    model_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))  # when the model answered
    carried_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))  # latencies of carried results
    ages: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))  # of their oldest masks, in frames
    objects: dict[int, ObjectHistory] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)  # of the source, by kind and cause: `lost stalled`
    last_event: str | None = None
    quality: Quality = field(default_factory=Quality)
    _newest_from: MaskOrigin = "model"

    def count(self, event: SourceEvent) -> None:
        """Count what happened to the source."""
        self.events[f"{event.kind} {event.cause}"] += 1
        self.last_event = event.message
        self.quality.count(event)

    def published(self, result: TrackResult, handed_ns: int) -> None:
        """Count one result that was handed to the sinks at `handed_ns`."""
        self.results += 1
        self.first_ns = self.first_ns or handed_ns
        self.last_ns = handed_ns
        self.recent_ns.append(handed_ns)
        latency_ms = (handed_ns - result.frame.captured_ns) / 1e6
        self.latencies_ms.append(latency_ms)
        self.tracks += len(result.tracks)
        self.masks += sum(track.box is not None for track in result.tracks)
        self._newest_from = result.mask_from
        if result.mask_from == "motion":
            self.carried += 1
            self.carried_ms.append(latency_ms)
            self.ages.append(float(max(track.age for track in result.tracks)))

    def tracked_by_model(self, result: TrackResult) -> None:
        """Count one result of the model."""
        self.tracked += 1
        self.model_ns.append(result.tracked_ns)
        present = set()
        for track in result.tracks:
            history = self.objects.setdefault(track.object_id, ObjectHistory(track.state, track.score))
            history.state, history.score = track.state, track.score
            history.frames += track.state == "tracked" and track.age == 0
            present.add(track.object_id)
        for gone in self.objects.keys() - present:
            del self.objects[gone]

    @property
    def fps(self) -> float:
        """Results a second since the first one."""
        return (self.results - 1) / ((self.last_ns - self.first_ns) / 1e9) if self.last_ns > self.first_ns else 0.0

    @property
    def recent_fps(self) -> float:
        return _rate(self.recent_ns)

    @property
    def is_carrying(self) -> bool:
        """Whether the newest result holds a carried mask."""
        return self._newest_from == "motion"

    def motion(self) -> dict[str, Any]:
        """How results came about: by the model on their own frame, or carried from an earlier one."""
        return {
            "carried": self.carried,
            "model_fps": round(_rate(self.model_ns), 1),
            "latency_ms": percentiles(list(self.carried_ms)),
            "age_frames": percentiles(list(self.ages)),
            "with_mask": round(self.masks / self.tracks, 4) if self.tracks else None,
        }

    def summary(self) -> dict[str, Any]:
        """The figures of `--json`."""
        return {
            "fps": round(self.fps, 2),
            "fps_now": round(self.recent_fps, 1),
            "latency_ms": percentiles(list(self.latencies_ms)),
            "objects": [
                {"id": key, "state": value.state, "score": round(value.score, 4), "frames": value.frames}
                for key, value in sorted(list(self.objects.items()))  # noqa: C414 - a copy: others read
            ],
        }

    def line(self, captured: int, dropped: int) -> str:
        """One line for a terminal."""
        states = Counter(history.state for history in list(self.objects.values()))
        seen = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        latency = self.latencies_ms[-1] if self.latencies_ms else 0.0
        return (
            f"{self.recent_fps:5.1f} fps | latency {latency:6.1f} ms | objects {seen} | "
            f"captured {captured}, tracked {self.tracked}, carried {self.carried}, dropped {dropped}"
        )
