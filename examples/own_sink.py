"""A sink of your own: boxes and events as lines of a CSV file. It inherits from nothing."""

from __future__ import annotations

import csv
from pathlib import Path

from streamer.events.types import Event
from streamer.types import TrackResult


class CsvSink:
    """A line for each object of each frame, and one for each event."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="")
        self._lines = csv.writer(self._file)

    def write(self, result: TrackResult) -> None:
        """Called in the sink's own thread, for every result that the sink is fast enough for."""
        for track in result.tracks:
            self._lines.writerow([result.frame.index, track.object_id, track.state, *(track.box or ())])

    def notify(self, event: Event) -> None:
        """Called in the same thread, for every event. Leave it out where events do not matter."""
        self._lines.writerow([event.source, event.kind, event.message])

    def close(self) -> None:
        self._file.close()
