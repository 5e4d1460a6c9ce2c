"""What a run can say about what it published: rates, latencies, and where masks came from."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streamer.pipeline.meter import RATE_WINDOW, WINDOW, ObjectFigures, percentiles
from streamer.types import MaskOrigin, TrackResult


@dataclass(frozen=True, slots=True)
class ResultFigures:
    """What was published: results of the model, and results with carried masks."""

    results: int = 0
    carried: int = 0  # results with a carried mask
    tracks: int = 0  # of all results together
    masks: int = 0  # of them those with a mask
    first_ns: int = 0
    last_ns: int = 0
    newest_from: MaskOrigin = "model"
    latencies_ms: tuple[float, ...] = ()
    carried_ms: tuple[float, ...] = ()  # of them those of carried results
    ages: tuple[float, ...] = ()  # of the oldest mask of each carried result, in frames
    recent_ns: tuple[int, ...] = ()

    @property
    def fps(self) -> float:
        """Results a second since the first one."""
        return (self.results - 1) / ((self.last_ns - self.first_ns) / 1e9) if self.last_ns > self.first_ns else 0.0

    @property
    def recent_fps(self) -> float:
        passed_ns = self.recent_ns[-1] - self.recent_ns[0] if self.recent_ns else 0
        return (len(self.recent_ns) - 1) * 1e9 / passed_ns if passed_ns else 0.0

    def summary(self) -> dict[str, Any]:
        """The figures of `--json`."""
        return {
            "fps": round(self.fps, 2),
            "fps_now": round(self.recent_fps, 1),
            "latency_ms": percentiles(list(self.latencies_ms)),
        }

    def motion(self) -> dict[str, Any]:
        """How results came about where masks are carried between the model's frames."""
        return {
            "carried": self.carried,
            "latency_ms": percentiles(list(self.carried_ms)),
            "age_frames": percentiles(list(self.ages)),
            "with_mask": round(self.masks / self.tracks, 4) if self.tracks else None,
        }

    def line(self, objects: Sequence[ObjectFigures], captured: int, tracked: int, dropped: int) -> str:
        """One line for a terminal."""
        states = Counter(one.state for one in objects)
        seen = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        latency = self.latencies_ms[-1] if self.latencies_ms else 0.0
        return (
            f"{self.recent_fps:5.1f} fps | latency {latency:6.1f} ms | objects {seen} | "
            f"captured {captured}, tracked {tracked}, carried {self.carried}, dropped {dropped}"
        )


@dataclass(slots=True)
class ResultMeter:
    """Fed by the publishing thread."""

    figures: ResultFigures = ResultFigures()
    _latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _carried_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _ages: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _recent_ns: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    def update(self, result: TrackResult, handed_ns: int) -> None:
        """Count one result that was handed to the sinks at `handed_ns`."""
        before, is_carried = self.figures, result.mask_from == "motion"
        latency_ms = (handed_ns - result.frame.captured_ns) / 1e6
        self._recent_ns.append(handed_ns)
        self._latencies_ms.append(latency_ms)
        if is_carried:
            self._carried_ms.append(latency_ms)
            self._ages.append(float(max(track.age for track in result.tracks)))
        self.figures = ResultFigures(
            before.results + 1,
            before.carried + is_carried,
            before.tracks + len(result.tracks),
            before.masks + sum(track.box is not None for track in result.tracks),
            before.first_ns or handed_ns,
            handed_ns,
            result.mask_from,
            tuple(self._latencies_ms),
            tuple(self._carried_ms),
            tuple(self._ages),
            tuple(self._recent_ns),
        )
