"""One set of weights and what runs it, for any number of trackers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes.port import Runtime, describe
from streamer.edgetam.snapshot import Snapshot
from streamer.edgetam.tracker import StreamingTracker


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """Its trackers may live in different threads, but only one of them may track at a time: see `FairQueue`."""

    runtime: Runtime

    def tracker(self, tracking: TrackingSettings | None = None) -> StreamingTracker:
        """For one stream."""
        return StreamingTracker(self.runtime, tracking or TrackingSettings())

    def persistent_tracker(self, state: Path, tracking: TrackingSettings | None = None) -> Snapshot:
        """With the objects of a state file, and writing to it; raises ModelError."""
        return Snapshot(self.tracker(tracking), state)

    def describe(self) -> dict[str, Any]:
        """Model id, input size, runtime, device and dtype."""
        return describe(self.runtime.info, self.runtime.name)
