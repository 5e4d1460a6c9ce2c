"""Overlay video: the encoder, and the file."""

from __future__ import annotations

import contextlib
import errno
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from streamer.errors import SinkError
from streamer.types import TrackResult
from streamer.uris import redact
from streamer.video.overlay import overlay_of

TIME_BASE = Fraction(1, 90_000)
# without B-frames a fragmented file starts at zero; a fragment ends at a key frame, so a kill costs a second at most
FILE_OPTIONS = {"preset": "veryfast", "crf": "20", "bf": "0", "g": "30"}
LIVE_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23", "g": "30"}
CLUSTERED = {"flush_packets": "1", "cluster_time_limit": "1000"}  # milliseconds
# fragments: what was written plays, whatever ends the program
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


class VideoEncoder:
    """One H.264 stream of overlays. Frames keep their times, so dropped frames leave gaps and do not speed it up."""

    def __init__(
        self, container: OutputContainer, options: dict[str, str], fps: float | None, size: tuple[int, int] | None
    ) -> None:
        self._container = container
        self._options = options
        self._fps = fps or 30.0
        self._size = size
        self._stream: VideoStream | None = None
        self._zero_ns: int | None = None
        self._last_tick = -1

    def write(self, result: TrackResult) -> None:
        image = overlay_of(result)
        stream = self._stream or self._start(image)
        size = (stream.width, stream.height)
        if image.shape[1::-1] != size:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yuv = av.VideoFrame.from_ndarray(cast(Any, cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)), format="yuv420p")
        yuv.pts, yuv.time_base = self._tick(result), TIME_BASE
        self._container.mux(stream.encode(yuv))

    def finish(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close the container after a failure, without writing more."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()

    def _start(self, image: NDArray[np.uint8]) -> VideoStream:
        height, width = image.shape[:2]
        wanted = self._size or (width, height)
        stream = self._container.add_stream("libx264", rate=Fraction(self._fps).limit_denominator(1001))
        stream.width, stream.height = wanted[0] // 2 * 2, wanted[1] // 2 * 2  # 4:2:0 needs even sides
        stream.pix_fmt = "yuv420p"
        stream.options = dict(self._options)
        stream.codec_context.time_base = TIME_BASE
        self._stream = stream
        return stream

    def _tick(self, result: TrackResult) -> int:
        """Presentation time in TIME_BASE, always growing: the recording's own time, or a live frame's capture."""
        frame = result.frame
        now_ns = frame.captured_ns if frame.pts_s is None else int(frame.pts_s * 1e9)
        if self._zero_ns is None:
            self._zero_ns = now_ns
        tick = int((now_ns - self._zero_ns) * TIME_BASE.denominator / 1e9)
        if tick <= self._last_tick:  # the times go back after a loop or a reconnect
            self._zero_ns = now_ns - int((self._last_tick / TIME_BASE.denominator + 1 / self._fps) * 1e9)
            tick = self._last_tick + int(TIME_BASE.denominator / self._fps)
        self._last_tick = tick
        return tick


class VideoFileSink:
    """An overlay video; what was written plays even if the program is killed. Raises SinkError."""

    def __init__(self, path: Path) -> None:
        options = FRAGMENTED if path.suffix.lower() in (".mp4", ".mov") else CLUSTERED
        try:
            container = av.open(str(path), "w", options=options)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{path}: cannot be written: {why(error)}") from error
        self._path = path
        self._encoder = VideoEncoder(container, FILE_OPTIONS, None, None)
        self._open = True

    def write(self, result: TrackResult) -> None:
        try:
            self._encoder.write(result)
        except (av.error.FFmpegError, OSError) as error:
            self._open = False
            self._encoder.abandon()
            raise self._failure(error) from error

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._encoder.finish()
        except (av.error.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> SinkError:
        return SinkError(f"{self._path}: {why(error)}; what was written before plays")


def why(error: Exception) -> str:
    """The reason of an FFmpeg error of an output, in one line."""
    number = abs(getattr(error, "errno", 0) or 0)
    if number == errno.ENOSPC:
        return "the disk is full"
    if number == errno.ECONNREFUSED:
        return "connection refused: nothing listens there"
    return redact(str(getattr(error, "strerror", None) or error))
