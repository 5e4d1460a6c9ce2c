"""A recording's frames by their number, forwards or backwards, decoded as they are needed."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import av
import av.error
import cv2
import numpy as np
from av.container import InputContainer

from streamer.errors import SourceError
from streamer.sources.images import DEFAULT_FPS, image_files
from streamer.sources.video import explain
from streamer.types import Frame

CHUNK_BYTES = 256 * 2**20  # of frames held to play backwards


class Recording(Protocol):
    """`broken` says, once it was met, why the recording ends before it should."""

    name: str
    count: int
    height: int
    width: int
    broken: str | None

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        """Frames `first` to `last`, both included; backwards where `last` is smaller. It ends early where it breaks."""


def open_recording(path: Path) -> Recording:
    """A video file, or a folder of images in the order of their names; raises SourceError."""
    if path.is_dir():
        return Stills(path)
    if not path.exists():
        raise SourceError(f"{path}: no such file", "not_found")
    return Film(path)


class Stills:
    """A folder of images of one size."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._paths = image_files(folder)
        self.count = len(self._paths)
        self.broken: str | None = None
        first = next(self.frames(0, 0), None)
        if first is None:
            raise SourceError(self.broken or f"{folder}: no images there")
        self.height, self.width = first.height, first.width

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        for index in range(first, last + 1) if last >= first else range(first, last - 1, -1):
            image = cv2.imread(str(self._paths[index]), cv2.IMREAD_COLOR)
            if image is None:
                self.broken = f"{self._paths[index]}: cannot be read as an image"
                return
            yield stamped(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, index / DEFAULT_FPS, self.name)


class Film:
    """The first video stream of a file. Opening it reads through the file once, without decoding, for the times."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self.broken: str | None = None
        with self._open() as container:
            stream = container.streams.video[0]
            self.height, self.width = stream.height, stream.width
            times, keys = self._packets(container)
        self._times = sorted(times)
        self._numbers = {time: number for number, time in enumerate(self._times)}
        self._keys = sorted(self._numbers[time] for time in keys)
        self.count = len(self._times)
        if not self.count:
            raise SourceError(f"{path}: {self.broken or 'there is no frame in it'}", "corrupt")

    def _open(self) -> InputContainer:
        try:
            container = av.open(str(self._path))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._path}: {explain(error)[1]}", explain(error)[0]) from error
        if not container.streams.video:
            container.close()
            raise SourceError(f"{self._path}: there is no video in it", "corrupt")
        return container

    def _packets(self, container: InputContainer) -> tuple[list[int], list[int]]:
        """Presentation times of all frames, and of key frames."""
        times, keys = [], []
        try:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is None or packet.is_discard:
                    continue
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
        except (av.error.FFmpegError, OSError) as error:
            self.broken = f"{self._path}: breaks off: {explain(error)[1]}"
        return times, keys

    def frames(self, first: int, last: int) -> Iterator[Frame]:
        if last >= first:
            yield from self._forwards(first, last)
            return
        chunk = max(1, CHUNK_BYTES // (3 * self.height * self.width))
        while first >= last:
            key = self._keys[bisect.bisect_right(self._keys, first) - 1] if self._keys else 0
            start = max(last, key, first - chunk + 1)
            yield from reversed(list(self._forwards(start, first)))
            first = start - 1

    def _forwards(self, first: int, last: int) -> Iterator[Frame]:
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            container.seek(self._times[first], stream=stream, backward=True)
            try:
                for decoded in container.decode(stream):
                    number = self._numbers.get(decoded.pts) if decoded.pts is not None else None
                    if number is None or number < first:
                        continue
                    if number > last:
                        return
                    image = decoded.to_ndarray(format="rgb24")
                    turned = np.rot90(image, decoded.rotation // 90) if decoded.rotation else image
                    yield stamped(np.ascontiguousarray(turned), number, float(decoded.time or 0.0), self.name)
            except (av.error.FFmpegError, OSError, ValueError) as error:
                self.broken = f"{self._path}: breaks off: {explain(error)[1]}"


def stamped(image: np.ndarray, index: int, pts_s: float, name: str) -> Frame:
    """A frame whose clock is the recording's own, so that a run repeated is the same."""
    image.flags.writeable = False
    return Frame(name, index, 0, round(pts_s * 1e9), 0, pts_s, image)
