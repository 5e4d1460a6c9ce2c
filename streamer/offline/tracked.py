"""What was tracked, read back: the folder of `streamer track`, or the JSON lines of a run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from streamer.errors import UsageError
from streamer.formats.frames import AnnotatedFrame
from streamer.masks import box_of, decode
from streamer.offline.store import Store
from streamer.types import Track

STORE, LINES = "work.sqlite", (".jsonl", ".ndjson")


class Tracked(Protocol):
    """The frames of one clip with their objects, in order."""

    @property
    def name(self) -> str: ...

    def frames(self) -> Iterator[AnnotatedFrame]:
        """Raises UsageError at an entry that is none."""


def open_tracked(path: Path) -> Tracked:
    """What was tracked, of a folder or a file; raises UsageError."""
    if path.suffix.lower() in LINES and path.is_file():
        return LinesOfRun(path)
    if (path / STORE).is_file():
        return FolderOfTracks(path)
    raise UsageError(
        f"{path}: nothing was tracked there; name the --out of `streamer track`, or a .jsonl or .mcap file of a run"
    )


@dataclass(frozen=True, slots=True)
class FolderOfTracks:
    """The store of `streamer track`."""

    path: Path

    @property
    def name(self) -> str:
        with contextlib.closing(Store(self.path / STORE)) as store:
            return Path(str(store.about().get("recording", self.path.name))).stem

    def frames(self) -> Iterator[AnnotatedFrame]:
        with contextlib.closing(Store(self.path / STORE)) as store:
            about = store.about()
            if "size" not in about:
                raise UsageError(f"{self.path}: nothing was tracked there yet; run `streamer track` first")
            width, height, count = about["size"]
            for index in range(count):
                yield AnnotatedFrame(index, width, height, store.tracks(index, (width, height)))


@dataclass(frozen=True, slots=True)
class LinesOfRun:
    """A `.jsonl` file of `streamer run` or `streamer track`."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def frames(self) -> Iterator[AnnotatedFrame]:
        size = self._size()
        with self.path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if (entry := self._parsed(line, number)) is not None:
                    yield self._frame(entry, number, size)

    def _parsed(self, line: str, number: int) -> dict[str, Any] | None:
        """A line about a frame; None for an event, and for a last line that was cut off."""
        try:
            entry = json.loads(line)
        except ValueError as error:
            if not line.endswith("\n"):
                return None
            raise UsageError(f"{self.path}: line {number} is not JSON: {error}") from error
        return entry if isinstance(entry, dict) and "objects" in entry else None

    def _size(self) -> tuple[int, int]:
        """Width and height, which stand in the masks."""
        with self.path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                for item in (self._parsed(line, number) or {}).get("objects", ()):
                    height, width = item["segmentation"]["size"]
                    return width, height
        raise UsageError(f"{self.path}: no object is in it")

    def _frame(self, entry: dict[str, Any], number: int, size: tuple[int, int]) -> AnnotatedFrame:
        try:
            tracks = tuple(_track(item, size) for item in entry["objects"])
            return AnnotatedFrame(int(entry["index"]), *size, tracks)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{self.path}: line {number}: {error}") from error


def _track(item: dict[str, Any], size_wh: tuple[int, int]) -> Track:
    mask = decode(item["segmentation"]["counts"].encode(), (0, 0, *size_wh), "rle", size_wh)
    return Track(int(item["id"]), mask, box_of(mask), item["score"], item["predicted_iou"], item["state"])
