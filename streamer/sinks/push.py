"""An overlay pushed to a server (RTSP, RTMP) or a listener (MPEG-TS over UDP), through a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO

import av
import av.error

from streamer.errors import SinkError
from streamer.sinks.pusher import SEND_TIMEOUT_S, URL
from streamer.types import TrackResult
from streamer.uris import redact
from streamer.video.recording import LIVE_OPTIONS, VideoEncoder

CLOSE_TIMEOUT_S = 1.0  # for encoded frames to reach the peer


class PushSink:
    """Encodes in this process and sends in another. Raises SinkError with its reason when that one has ended.

    A frozen peer blocks this sink alone, until the pushing process times out.
    """

    def __init__(self, url: str, container_format: str, *, fps: float | None, size: tuple[int, int] | None) -> None:
        self._shown = redact(url)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streamer.sinks.pusher", container_format],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {URL: url},
        )
        assert self._process.stdin is not None
        container = av.open(_Pipe(self._process.stdin), "w", format="nut", options={"flush_packets": "1"})
        self._encoder = VideoEncoder(container, LIVE_OPTIONS, fps, size)
        self._open = True

    def write(self, result: TrackResult) -> None:
        if (code := self._process.poll()) is not None:
            raise self._failure(f"it ended with code {code}")
        try:
            self._encoder.write(result)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failure(str(error)) from error

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._encoder.abandon()
        self._end()

    def _failure(self, otherwise: str) -> SinkError:
        """The pushing process's last line as an error."""
        self._open = False
        self._encoder.abandon()
        reason = self._end()
        if self._process.returncode == -signal.SIGALRM:
            reason = f"the peer took nothing for {SEND_TIMEOUT_S:g} s"
        return SinkError(f"{self._shown}: {redact(reason) or otherwise}; check that its server runs")

    def _end(self) -> str:
        """End the process, and return the last line of its errors."""
        try:
            _, errors = self._process.communicate(timeout=CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, errors = self._process.communicate()
        lines = errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


class _Pipe:
    """A pipe as a file that FFmpeg can write to, but not seek in."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        self._pipe.write(data)
        self._pipe.flush()
        return len(data)
