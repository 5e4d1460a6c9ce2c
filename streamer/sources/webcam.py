"""A webcam through OpenCV."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2

from streamer.errors import SourceError, UsageError
from streamer.sources.devices import described
from streamer.types import Frame
from streamer.uris import Address

log = logging.getLogger(__name__)
DEFAULT_FPS = 30.0  # of a camera that is asked for a size alone
TOLERATED = 0.1  # share of the rate that may lack
MJPG = cv2.VideoWriter.fourcc(*"MJPG")
MAX_NUMBER = 999  # of a camera


class WebcamSource:
    """`camera:0` or `/dev/video0`, with `?size=1280x720&fps=30`; the camera chooses the nearest mode that it has."""

    live = True

    def __init__(self, address: Address, *, name: str) -> None:
        address.allow("size", "fps")
        size = address.size("size", (0, 0))
        fps = address.number("fps", DEFAULT_FPS, above=0, at_most=1000)
        self.name = name
        self._device = _device(address.target or "0")
        # our errors replace OpenCV's warnings
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise SourceError(f"camera {self._device!r} cannot be opened; {described()}", "not_found")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the last four
        wanted = Mode(*size, fps)
        mode, self.codec = negotiated(self._capture, wanted) if address.options else (mode_of(self._capture), "")
        if address.options and mode.shortfall(wanted):
            log.warning("camera %r: asked for %s, which it does not have; it gives %s", self._device, wanted, mode)
        self.nominal_fps: float | None = mode.fps or None
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        try:
            while not self._closed:
                found, image = self._read()
                captured_ns = time.monotonic_ns()
                if not found or image is None:
                    if self._closed:
                        return
                    raise SourceError(
                        f"camera {self._device!r} sends no more frames: it is unplugged, or another program uses it",
                        "unplugged",
                    )
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Frame.from_image(rgb, index=index, source=self.name, captured_ns=captured_ns)
                index += 1
        finally:
            self._capture.release()  # in the reading thread: a release during a read crashes

    def _read(self) -> tuple[bool, Any]:
        try:
            return self._capture.read()
        except cv2.error as error:
            raise SourceError(f"camera {self._device!r}: {' '.join(str(error).split())}", "failed") from error

    def close(self) -> None:
        self._closed = True


def _device(target: str) -> int | str:
    if target.isascii() and target.isdecimal() and int(target) <= MAX_NUMBER:
        return int(target)
    if target.startswith("/dev/"):
        return target
    raise UsageError(f"camera:{target:.80}: give a number, like camera:0, or a device, like /dev/video0")


@dataclass(frozen=True, slots=True)
class Mode:
    """What a camera gives, or is asked for; 0 is unknown, or anything."""

    width: int
    height: int
    fps: float

    def shortfall(self, wanted: Mode) -> float:
        """How far this is from what was asked for, in shares; 0 where it is that."""
        sides = zip((self.width, self.height), (wanted.width, wanted.height), strict=True)
        lacking = [abs(1 - side / asked) for side, asked in sides if asked]
        slow = max(0.0, 1 - self.fps / wanted.fps) if self.fps and wanted.fps else 0.0
        return sum(lacking) + (slow if slow > TOLERATED else 0.0)

    def __str__(self) -> str:
        size = f"{self.width} x {self.height}" if self.width else "any size"
        return f"{size} at {self.fps:g} fps"


class Capture(Protocol):
    """What is used here of `cv2.VideoCapture`."""

    def set(self, name: int, value: float, /) -> bool: ...

    def get(self, name: int, /) -> float: ...


def negotiated(capture: Capture, wanted: Mode) -> tuple[Mode, str]:
    """Ask for a mode: raw first, as MJPEG where the camera has it in no other way. What it gives, and the codec.

    USB 2 carries 1280 x 720 raw at 10 fps, and as MJPEG at 30.
    """
    raw = _asked(capture, wanted)
    if not raw.shortfall(wanted):
        return raw, ""
    before = capture.get(cv2.CAP_PROP_FOURCC)
    capture.set(cv2.CAP_PROP_FOURCC, MJPG)
    compressed = _asked(capture, wanted)
    if compressed.shortfall(wanted) < raw.shortfall(wanted):
        return compressed, "mjpeg"
    capture.set(cv2.CAP_PROP_FOURCC, before)
    return _asked(capture, wanted), ""


def _asked(capture: Capture, wanted: Mode) -> Mode:
    if wanted.width:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
    capture.set(cv2.CAP_PROP_FPS, wanted.fps)
    return mode_of(capture)


def mode_of(capture: Capture) -> Mode:
    """What a camera says that it gives."""
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return Mode(int(width), int(height), round(max(0.0, capture.get(cv2.CAP_PROP_FPS)), 3))
