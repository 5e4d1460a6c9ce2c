"""A recording's frames by their number, forwards or backwards, decoded as they are needed."""

from __future__ import annotations

import bisect
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from streamer.errors import SourceError, UsageError
from streamer.images import image_size, read_image
from streamer.sources.images import DEFAULT_FPS, image_files
from streamer.sources.video import explain
from streamer.types import Frame
from streamer.video.decoding import (
    Decoder,
    FrameTimes,
    displayed,
    displayed_size,
    missing_end,
    pixel_aspect,
    rate_of,
    video_stream,
)

log = logging.getLogger(__name__)
CHUNK_BYTES = 256 * 2**20  # of frames held to play backwards
SEEK_ATTEMPTS = 3  # key frames before a frame that are tried, before the file is decoded from its beginning


class Recording(Protocol):
    """`broken` says why the recording is not whole, once it is known: it ends too early, or lacks frames."""

    name: str
    count: int
    height: int
    width: int
    broken: str | None

    def size_of(self, index: int) -> tuple[int, int]:
        """Width and height of one frame: a recording may change its size."""

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        """Frames `first` to `last`, both included; backwards where `last` is smaller. It ends early where it breaks."""


def open_recording(path: Path) -> Recording:
    """A video file, or a folder of images in the natural order of their names; raises SourceError."""
    if path.is_dir():
        return Stills(path)
    if not path.exists():
        raise SourceError(f"{path}: no such file", "not_found")
    return Film(path)


class Stills:
    """A folder of images, each in its own size."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._paths = image_files(folder)
        self.count = len(self._paths)
        self.broken: str | None = None
        first = next(self.frames(0, 0), None)
        if first is None:
            raise SourceError(self.broken or f"{folder}: no images there")
        self.height, self.width = first.height, first.width

    def size_of(self, index: int) -> tuple[int, int]:
        return image_size(self._paths[index]) or (self.width, self.height)

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        for index in range(first, last + 1) if last >= first else range(first, last - 1, -1):
            try:
                image = read_image(self._paths[index])
            except UsageError as error:
                self.broken = str(error)
                return
            yield stamped(image, index, index / DEFAULT_FPS, self.name)


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """What is known of one frame without its image."""

    pts: int | None
    time_s: float
    is_key: bool
    size_wh: tuple[int, int]


class Film:
    """The video stream of a file. Opening it decodes it once: only the decoder knows which frames there are."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self.broken: str | None = None
        self._frames = self._scan()
        if not self._frames:
            raise SourceError(f"{path}: {self.broken or 'there is no frame in it'}", "corrupt")
        self.count = len(self._frames)
        self.width, self.height = self._frames[0].size_wh
        self._keys = [number for number, frame in enumerate(self._frames) if frame.is_key]
        self._numbers = {frame.pts: number for number, frame in enumerate(self._frames)}
        # times that are missing, or there twice, name no frame
        self._seekable = None not in self._numbers and len(self._numbers) == self.count

    def size_of(self, index: int) -> tuple[int, int]:
        return self._frames[index].size_wh

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        if last >= first:
            yield from self._forwards(first, last)
            return
        chunk = max(1, CHUNK_BYTES // (3 * self.height * self.width))
        while first >= last:
            start = max(last, self._key_before(first), first - chunk + 1)
            yield from reversed(list(self._forwards(start, first)))
            first = start - 1

    def _key_before(self, number: int) -> int:
        """The last key frame up to a frame; the first frame, which an edit list may leave without its key frame."""
        before = bisect.bisect_right(self._keys, number)
        return self._keys[before - 1] if before and self._seekable else 0

    def _scan(self) -> Sequence[FrameEntry]:
        """All frames; sets `broken`."""
        entries = []
        with self._open() as container:
            decoder, aspect = self._decoder(container)
            times = FrameTimes(rate_of(decoder.stream))
            for frame in decoder:
                time_s = times.update(decoder.time_s(frame))
                entries.append(FrameEntry(frame.pts, time_s, bool(frame.key_frame), displayed_size(frame, aspect)))
            missing = missing_end(decoder, times.last_s)
        self.broken = self._fault(len(entries), decoder, missing)
        return entries

    def _fault(self, count: int, decoder: Decoder, missing: str | None) -> str | None:
        if decoder.failure is not None:
            missing = explain(decoder.failure)[1]
        if missing is not None:
            return f"{self._path}: ended early at frame {count}: {missing}"
        if decoder.damaged:
            packets = f"{decoder.damaged} damaged packets are" if decoder.damaged > 1 else "a damaged packet is"
            return f"{self._path}: {packets} left out, after frame {decoder.damaged_at}"
        return None

    def _open(self) -> InputContainer:
        try:
            container = av.open(f"file:{self._path}")  # a name with a colon is no protocol
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._path}: {explain(error)[1]}", explain(error)[0]) from error
        if video_stream(container) is None:
            container.close()
            raise SourceError(f"{self._path}: there is no video in it", "corrupt")
        return container

    def _decoder(self, container: InputContainer) -> tuple[Decoder, Fraction]:
        stream = video_stream(container)
        assert isinstance(stream, VideoStream)  # checked by `_open`
        return Decoder(container, stream), pixel_aspect(stream)

    def _forwards(self, first: int, last: int) -> Iterator[Frame]:
        number = first - 1
        for number, frame, aspect in self._numbered(first):
            if number > last:
                return
            if number >= first:
                yield stamped(displayed(frame, aspect), number, self._frames[number].time_s, self.name)
        if number < last:
            self.broken = f"{self._path}: frame {number + 1} could be decoded once, and cannot be any more"

    def _numbered(self, first: int) -> Iterator[tuple[int, av.VideoFrame, Fraction]]:
        """Frames with their numbers, from `first` or some before it."""
        keys = self._keys[: bisect.bisect_right(self._keys, first)] if self._seekable else []
        for key in reversed(keys[1:][-SEEK_ATTEMPTS:]):
            found = self._sought(key)
            if (reached := next(found, None)) is not None:
                yield reached
                yield from found
                return
        with self._open() as container:
            decoder, aspect = self._decoder(container)
            for number, frame in zip(range(self.count), decoder, strict=False):
                yield number, frame, aspect

    def _sought(self, key: int) -> Iterator[tuple[int, av.VideoFrame, Fraction]]:
        """Frames from a key frame on; none where the container does not find it."""
        with self._open() as container:
            decoder, aspect = self._decoder(container)
            try:
                container.seek(self._frames[key].pts or 0, stream=decoder.stream, backward=True)
            except (av.error.FFmpegError, OSError):
                return
            expected = key
            for frame in decoder:
                number = self._numbers.get(frame.pts)
                if number is None or number < expected:
                    continue  # before the key frame, and perhaps without what it refers to
                if number > expected == key:
                    return
                expected = number + 1
                yield number, frame, aspect


def stamped(image: np.ndarray, index: int, pts_s: float, name: str) -> Frame:
    """A frame whose clock is the recording's own, so that a run repeated is the same."""
    image.flags.writeable = False
    return Frame(name, index, 0, round(pts_s * 1e9), 0, pts_s, image)
