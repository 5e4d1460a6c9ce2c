"""What every format is written from: the objects of one frame, and the clip that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SinkError
from streamer.process.files import write_atomically
from streamer.types import Track

DEFAULT_CATEGORY = "object"
JPEG_QUALITY = 95  # of 100: images that a trainer reads


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """The objects of one frame; `image_hwc_rgb` is there where images are written too."""

    index: int
    width: int
    height: int
    tracks: tuple[Track, ...]
    image_hwc_rgb: NDArray[np.uint8] | None = None

    @property
    def stem(self) -> str:
        """The name of this frame's files."""
        return f"{self.index:08d}"

    @property
    def seen(self) -> list[Track]:
        """The objects that have a mask here."""
        return [track for track in self.tracks if track.box is not None]


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: its name, and the category of each object that was given one."""

    name: str
    categories: Mapping[int, str] = field(default_factory=dict)  # by object id

    def category(self, object_id: int) -> str:
        return self.categories.get(object_id, DEFAULT_CATEGORY)


@dataclass(slots=True)
class CategoryIds:
    """Numbers for the categories of a clip, from `first` on: those with a name first, in the order of their objects."""

    clip: Clip
    first: int = 1
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for object_id in sorted(self.clip.categories):
            self.of(object_id)

    def of(self, object_id: int) -> int:
        return self.ids.setdefault(self.clip.category(object_id), len(self.ids) + self.first)


class Writer(Protocol):
    """Writes one clip in one format. Raises SinkError."""

    def add(self, frame: AnnotatedFrame) -> None: ...

    def close(self) -> None:
        """Write what belongs to all frames."""


def save(path: Path, data: bytes | str) -> None:
    """Write what belongs to a whole clip, all of it or nothing; raises SinkError."""
    try:
        write_atomically(path, data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def save_for_frame(path: Path, data: bytes | str) -> None:
    """Write a file of one frame, of which there are thousands; raises SinkError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def save_image(path: Path, frame: AnnotatedFrame) -> None:
    """The frame's image as JPEG, where it has one."""
    if frame.image_hwc_rgb is not None:
        bgr = frame.image_hwc_rgb[..., ::-1]
        save_for_frame(path, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
