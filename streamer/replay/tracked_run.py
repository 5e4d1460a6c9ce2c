"""The tracks of a recorded run, for `streamer convert`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamer.formats.frames import AnnotatedFrame
from streamer.replay.run_log import open_run
from streamer.types import TrackResult


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """With the recorded images, where the file has any."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def frames(self) -> Iterator[AnnotatedFrame]:
        """Raises UsageError or SourceError."""
        run = open_run(self.path)
        has_images = run.about.images != "none"
        for item in run.items():
            if isinstance(item, TrackResult):
                frame = item.frame
                image = frame.image if has_images else None
                yield AnnotatedFrame(frame.index, frame.width, frame.height, item.tracks, image)
