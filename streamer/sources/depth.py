"""A source with a depth image beside each frame, out of a second stream or a folder."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.channel import Channel
from streamer.config.depth import DepthSettings
from streamer.errors import SourceError
from streamer.events.types import SourceEvent
from streamer.ports import Source
from streamer.process.threads import background
from streamer.sources.images import DEFAULT_FPS
from streamer.sources.video import explain
from streamer.types import CameraInfo, Frame
from streamer.uris import Address, parse, redact
from streamer.video.camera_info import read_camera_info

log = logging.getLogger(__name__)
KEPT = 32  # depth images of a live source that wait for their frame
SAME_SHAPE = 0.01
OPEN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class DepthImage:
    """H x W steps of 16 bits, and its time by the stream's or the folder's own clock."""

    steps: NDArray[np.uint16]
    time_s: float


class DepthImages(Protocol):
    def __iter__(self) -> Iterator[DepthImage]:
        """Raises SourceError."""

    def close(self) -> None: ...


class DepthFolder:
    """16-bit PNG files in the order of their names; `?fps=N` is their rate."""

    def __init__(self, folder: Path, address: Address) -> None:
        address.allow("fps")
        self._fps = address.number("fps", DEFAULT_FPS)
        self._paths = sorted(folder.glob("*.png"))
        if not self._paths:
            raise SourceError(f"{folder}: no depth images there (*.png)", "not_found")

    def __iter__(self) -> Iterator[DepthImage]:
        for number, path in enumerate(self._paths):
            steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if steps is None:
                raise SourceError(f"{path}: cannot be read as an image", "corrupt")
            if steps.ndim != 2 or steps.dtype != np.uint16:
                raise SourceError(f"{path}: a depth image has one channel of 16 bits, not {_shown(steps)}", "corrupt")
            yield DepthImage(steps, number / self._fps)

    def close(self) -> None:
        pass


def _shown(image: NDArray[np.generic]) -> str:
    channels = 1 if image.ndim == 2 else image.shape[2]
    return f"{channels} of {image.dtype.itemsize * 8}"


class DepthVideo:
    """A video or stream whose pixels have 16 bits of grey (FFV1, PNG in a Matroska file)."""

    def __init__(self, uri: str) -> None:
        self._shown = redact(uri)
        try:
            self._container = av.open(uri, timeout=OPEN_TIMEOUT_S)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._shown}: {explain(error)[1]}", explain(error)[0]) from error
        if not self._container.streams.video:
            raise SourceError(f"{self._shown}: there is no video in it", "corrupt")
        kind = self._container.streams.video[0].pix_fmt or "unknown"
        if not kind.startswith("gray16"):
            raise SourceError(f"{self._shown}: depth needs 16 bits of grey, and its pixels are {kind}", "codec")

    def __iter__(self) -> Iterator[DepthImage]:
        try:
            for frame in self._container.decode(video=0):
                steps: Any = frame.to_ndarray(format="gray16le")
                yield DepthImage(steps, float(frame.time or 0.0))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._shown}: {explain(error)[1]}", explain(error)[0]) from error

    def close(self) -> None:
        self._container.close()


def open_depth(uri: str) -> DepthImages:
    """The depth images of an address; raises SourceError."""
    address = parse(uri)
    path = Path(address.target)
    return DepthFolder(path, address) if address.scheme == "" and path.is_dir() else DepthVideo(uri)


class WithDepth:
    """A source whose frames have the depth image that is nearest in time, in metres.

    Of a recording that is by the two streams' own times, of a live source by their arrival. A frame whose depth image
    is more than `max_age_s` away has none, which is logged once.
    """

    def __init__(self, source: Source, settings: DepthSettings) -> None:
        self.source = source
        self.name, self.live = source.name, source.live
        self._settings = settings
        self._camera = read_camera_info(settings.camera_info)
        self._images = open_depth(settings.uri)
        self._told = False
        self._closed: Channel[None] = Channel(1)

    def __iter__(self) -> Iterator[Frame | SourceEvent]:
        nearest = Arriving(self._images, self._closed) if self.live else InOrder(self._images)
        for item in self.source:
            yield self._with_depth(item, nearest) if isinstance(item, Frame) else item

    def close(self) -> None:
        self._closed.close()
        self.source.close()

    @property
    def nominal_fps(self) -> float | None:
        fps: float | None = getattr(self.source, "nominal_fps", None)
        return fps

    @property
    def codec(self) -> str:
        return str(getattr(self.source, "codec", ""))

    @property
    def late(self) -> int:
        return int(getattr(self.source, "late", 0))

    @property
    def scene(self) -> Any:
        """Of a synthetic source, which knows the truth; None for others."""
        return getattr(self.source, "scene", None)

    def _with_depth(self, frame: Frame, nearest: Nearest) -> Frame:
        time_s = frame.captured_ns / 1e9 if self.live else frame.pts_s or 0.0
        found = nearest.to(time_s)
        if found is None or abs(found.time_s - time_s) > self._settings.max_age_s:
            if not self._told:
                self._told = True
                away = "there is none" if found is None else f"the nearest is {abs(found.time_s - time_s):.2f} s away"
                log.warning("%s: frame %d has no depth: %s", redact(self._settings.uri), frame.index, away)
            return frame
        return replace(frame, depth=self._metres(found.steps, frame), camera=self._fitting(frame))

    def _fitting(self, frame: Frame) -> CameraInfo:
        return self._camera.scaled(frame.width, frame.height)

    def _metres(self, steps: NDArray[np.uint16], frame: Frame) -> NDArray[np.float32]:
        height, width = steps.shape
        if abs(width / height - frame.width / frame.height) > SAME_SHAPE * width / height:
            raise SourceError(
                f"{redact(self._settings.uri)}: depth is {width} x {height}, the frames are {frame.width} x "
                f"{frame.height}, another shape: register it to the frames",
                "resized",
            )
        if (width, height) != (frame.width, frame.height):
            steps = cv2.resize(steps, (frame.width, frame.height), interpolation=cv2.INTER_NEAREST)
        metres = steps.astype(np.float32) * np.float32(self._settings.unit_m)
        metres[steps == 0] = np.nan
        metres.flags.writeable = False
        return metres


class Nearest(Protocol):
    def to(self, time_s: float) -> DepthImage | None:
        """The depth image nearest to a time; times never go back by much. Raises SourceError."""


class InOrder:
    """Of a recording: reads ahead by one image."""

    def __init__(self, images: DepthImages) -> None:
        self._left = iter(images)
        self._before: DepthImage | None = None
        self._after = next(self._left, None)

    def to(self, time_s: float) -> DepthImage | None:
        while self._after is not None and self._after.time_s <= time_s:
            self._before, self._after = self._after, next(self._left, None)
        near = [image for image in (self._before, self._after) if image is not None]
        return min(near, key=lambda image: abs(image.time_s - time_s), default=None)


class Arriving:
    """Of a live source: a thread reads, and each image is stamped when it arrives."""

    def __init__(self, images: DepthImages, closed: Channel[None]) -> None:
        self._images = images
        self._closed = closed
        self._arrived: deque[DepthImage] = deque(maxlen=KEPT)
        self._error: SourceError | None = None
        background("depth", self._read)

    def to(self, time_s: float) -> DepthImage | None:
        if self._error is not None:
            raise self._error
        return min(list(self._arrived), key=lambda image: abs(image.time_s - time_s), default=None)

    def _read(self) -> None:
        try:
            for image in self._images:
                if self._closed.closed:
                    break
                self._arrived.append(replace(image, time_s=time.monotonic()))
            self._images.close()
        except SourceError as error:
            self._error = error
