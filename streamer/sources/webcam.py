"""A webcam through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from streamer.errors import SourceError, UsageError
from streamer.types import Frame
from streamer.uris import Address

MAX_NUMBER = 999  # of a camera


class WebcamSource:
    """`camera:0` or `/dev/video0`, with `?size=1280x720&fps=30`; the camera chooses the nearest mode that it has."""

    live = True

    def __init__(self, address: Address, *, name: str) -> None:
        address.allow("size", "fps")
        (width, height), fps = address.size("size", (0, 0)), address.number("fps", 0, above=0, at_most=1000)
        self.name = name
        self._device = _device(address.target or "0")
        # our errors replace OpenCV's warnings
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if Path("/dev").exists() else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise SourceError(f"camera {self._device!r} cannot be opened; {_cameras()}", "not_found")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the last four
        if width:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        if fps:
            self._capture.set(cv2.CAP_PROP_FPS, fps)
        self.nominal_fps: float | None = self._capture.get(cv2.CAP_PROP_FPS) or None
        self.codec = ""
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        try:
            while not self._closed:
                found, image = self._capture.read()
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

    def close(self) -> None:
        self._closed = True


def _device(target: str) -> int | str:
    if target.isascii() and target.isdecimal() and int(target) <= MAX_NUMBER:
        return int(target)
    if target.startswith("/dev/"):
        return target
    raise UsageError(f"camera:{target:.80}: give a number, like camera:0, or a device, like /dev/video0")


def _cameras() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*")) if Path("/dev").exists() else []
    return f"cameras here: {', '.join(found)}" if found else "no camera is connected to this machine"
