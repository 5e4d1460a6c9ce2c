"""The overlay as Motion JPEG over HTTP, for browsers on this machine; each reader at its own pace."""

from __future__ import annotations

import contextlib
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streamer.channel import Channel, Closed
from streamer.errors import SinkError, UsageError
from streamer.process.threads import background
from streamer.types import TrackResult
from streamer.uris import is_loopback
from streamer.video.mjpeg import MEDIA_TYPE, part
from streamer.video.overlay import overlay_jpeg_of

MAX_READERS = 32
SEND_TIMEOUT_S = 5.0  # without a byte read, after which a reader is disconnected
SHUTDOWN_POLL_S = 0.1
SEND_BUFFER = 1 << 16  # bytes; frames in the kernel's buffer grow old before they are read
PAGE = b'<!doctype html><title>streamer</title><img src="stream" alt="live video with masks">'


class MjpegSink:
    """`/stream` is the video, `/` a page that shows it. A slow reader misses frames, a frozen one is disconnected.

    Raises UsageError for an address that other machines can reach, SinkError for one that cannot be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        if not is_loopback(host):
            raise UsageError(f"sink mjpeg:{host}:{port}: the address must be of this machine, like 127.0.0.1")
        self._readers: set[Channel[bytes]] = set()
        try:
            self._server = _Server((host, port), self._readers)
        except OSError as error:
            raise SinkError(f"cannot listen on {host}:{port}: {error.strerror}; choose another port") from error
        self.endpoint = f"http://{host}:{self._server.server_port}/"
        self._thread = background("mjpeg", lambda: self._server.serve_forever(SHUTDOWN_POLL_S))

    @property
    def readers(self) -> int:
        return len(self._readers)

    def write(self, result: TrackResult) -> None:
        readers = list(self._readers)
        if not readers:
            return
        jpeg = overlay_jpeg_of(result)
        for reader in readers:
            with contextlib.suppress(Closed):
                reader.put(jpeg)

    def close(self) -> None:
        for reader in list(self._readers):
            reader.abort()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SEND_TIMEOUT_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a frozen reader's thread ends by itself

    def __init__(self, address: tuple[str, int], readers: set[Channel[bytes]]) -> None:
        self.readers = readers
        super().__init__(address, _Reader)

    def handle_error(self, *_: Any) -> None:
        pass  # a reader that disconnects is no error


class _Reader(BaseHTTPRequestHandler):
    """One browser's request, in a thread of its own."""

    server: _Server
    timeout = SEND_TIMEOUT_S

    def do_GET(self) -> None:
        if not is_loopback(self.headers.get("Host", "").rsplit(":", 1)[0]):
            self.send_error(403, "the host must be 127.0.0.1, so that no page of another site can read the stream")
        elif self.path == "/":
            self._answer("text/html", PAGE)
        elif self.path != "/stream":
            self.send_error(404, "the paths are / and /stream")
        elif len(self.server.readers) >= MAX_READERS:
            self.send_error(503, f"{MAX_READERS} readers are connected already")
        else:
            self._stream()

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        jpegs: Channel[bytes] = Channel(1, lossy=True)
        self.server.readers.add(jpegs)
        try:
            for jpeg in jpegs:
                self.wfile.write(part(jpeg))
        except OSError:
            pass  # disconnected, or frozen for SEND_TIMEOUT_S
        finally:
            self.server.readers.discard(jpegs)
            jpegs.abort()

    def log_message(self, *_: Any) -> None:
        pass
