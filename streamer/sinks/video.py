"""Overlay video: into a file, or pushed as an H.264 stream."""

from __future__ import annotations

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
from streamer.masks import overlay
from streamer.types import TrackResult
from streamer.uris import redact

TIME_BASE = Fraction(1, 90_000)
FILE_OPTIONS = {"preset": "veryfast", "crf": "20"}
LIVE_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23", "g": "30"}
# fragments: what was written plays, whatever ends the program
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


class _Encoder:
    """One H.264 stream of overlays. Its time is the frames' capture time, so that drops leave gaps, not haste."""

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
        picture = overlay(result.frame.image, result.tracks)
        stream = self._stream or self._start(picture)
        size = (stream.width, stream.height)
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        yuv = av.VideoFrame.from_ndarray(cast(Any, cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)), format="yuv420p")
        yuv.pts, yuv.time_base = self._tick(result), TIME_BASE
        self._container.mux(stream.encode(yuv))

    def finish(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def _start(self, picture: NDArray[np.uint8]) -> VideoStream:
        height, width = picture.shape[:2]
        wanted = self._size or (width, height)
        stream = self._container.add_stream("libx264", rate=Fraction(self._fps).limit_denominator(1001))
        stream.width, stream.height = wanted[0] // 2 * 2, wanted[1] // 2 * 2  # 4:2:0 wants even sides
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
        if tick <= self._last_tick:  # a loop or a reconnect starts its clock anew
            self._zero_ns = now_ns - int((self._last_tick / TIME_BASE.denominator + 1 / self._fps) * 1e9)
            tick = self._last_tick + int(TIME_BASE.denominator / self._fps)
        self._last_tick = tick
        return tick


class VideoFileSink:
    """An overlay video; what was written plays even if the program is killed. Raises SinkError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        options = FRAGMENTED if path.suffix.lower() in (".mp4", ".mov") else {}
        try:
            self._encoder = _Encoder(av.open(str(path), "w", options=options), FILE_OPTIONS, None, None)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{path}: cannot be written: {getattr(error, 'strerror', error)}") from error
        self._open = True

    def write(self, result: TrackResult) -> None:
        try:
            self._encoder.write(result)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{self._path}: {_why(error)}; what was written before plays") from error

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._encoder.finish()
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{self._path}: {_why(error)}; what was written before plays") from error


class PushSink:
    """An overlay stream pushed to a server (RTSP, RTMP) or a listener (MPEG-TS over UDP). Raises SinkError."""

    def __init__(self, url: str, container_format: str, *, fps: float | None, size: tuple[int, int] | None) -> None:
        self._shown = redact(url)
        options = {"rtsp_transport": "tcp"} if container_format == "rtsp" else {}
        try:
            container = av.open(url, "w", format=container_format, options=options, timeout=5.0)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{self._shown}: cannot push there: {_why(error)}") from error
        self._encoder = _Encoder(container, LIVE_OPTIONS, fps, size)
        self._open = True

    def write(self, result: TrackResult) -> None:
        try:
            self._encoder.write(result)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{self._shown}: the push broke: {_why(error)}") from error

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._encoder.finish()
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"{self._shown}: the push broke at its end: {_why(error)}") from error


def _why(error: Exception) -> str:
    number = abs(getattr(error, "errno", 0) or 0)
    if number == errno.ENOSPC:
        return "the disk is full"
    if number == errno.ECONNREFUSED:
        return "connection refused: nothing listens there"
    return redact(str(getattr(error, "strerror", None) or error))
