"""A camera site: a camera and an RTSP server in processes of their own, and the wire to them; each can be broken."""

from __future__ import annotations

import base64
import signal
import socket
import subprocess
import sys
import time
from typing import Self

from streamer.soak.camera import SIZE
from streamer.soak.proxy import Proxy

PATH = "cam"
START_S = 20.0  # for a process to start on a busy machine


class Site:
    """`with Site() as site:` streams at `site.url`; the password is `site.password`'s at the start."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.password = "first"
        self._server: subprocess.Popen[bytes] | None = None
        self._camera: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.wire = Proxy(self.port)
        self.wire.__enter__()
        self.start_server()
        self.start_camera()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_camera()
        self.stop_server()
        self.wire.__exit__()

    @property
    def url(self) -> str:
        """The address for clients, through the wire; it keeps the first password."""
        return f"rtsp://viewer:first@127.0.0.1:{self.wire.port}/{PATH}"

    def start_server(self) -> None:
        """The server, and wait until it listens."""
        words = [sys.executable, "-m", "streamer.soak.relay", str(self.port), f"viewer:{self.password}"]
        self._server = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not listens(self.port):
            if time.monotonic() > deadline:
                raise TimeoutError("the stand-in RTSP server did not start")
            time.sleep(0.02)

    def start_camera(self, size: tuple[int, int] = SIZE, codec: str = "libx264") -> None:
        """The camera, and wait until its stream can be had."""
        url = f"rtsp://viewer:{self.password}@127.0.0.1:{self.port}/{PATH}"
        words = [sys.executable, "-m", "streamer.soak.camera", url, f"{size[0]}x{size[1]}", codec]
        self._camera = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not described(self.port, self.password):
            if time.monotonic() > deadline:
                raise TimeoutError("the stand-in camera did not start")
            time.sleep(0.02)

    def stop_server(self) -> None:
        _end(self._server)

    def stop_camera(self) -> None:
        _end(self._camera)

    def freeze_server(self) -> None:
        _signal(self._server, signal.SIGSTOP)

    def thaw_server(self) -> None:
        _signal(self._server, signal.SIGCONT)

    def freeze_camera(self) -> None:
        _signal(self._camera, signal.SIGSTOP)

    def thaw_camera(self) -> None:
        _signal(self._camera, signal.SIGCONT)

    def jump_ahead(self) -> None:
        """The streams' own clocks jump."""
        _signal(self._server, signal.SIGUSR1)

    def jump_back(self) -> None:
        _signal(self._server, signal.SIGUSR2)

    def restart(self, size: tuple[int, int] = SIZE, codec: str = "libx264") -> None:
        """Another camera in place of this one."""
        self.stop_camera()
        self.start_camera(size, codec)

    def restart_server(self) -> None:
        """The server anew, and the camera, which knows of no other."""
        self.stop_camera()
        self.stop_server()
        self.start_server()
        self.start_camera()

    def with_password(self, password: str) -> None:
        """The same server with another password."""
        self.password = password
        self.restart_server()


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait()


def _signal(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    assert process is not None
    process.send_signal(number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def described(port: int, password: str) -> bool:
    """Whether the server has the stream that the camera sends."""
    login = base64.b64encode(f"viewer:{password}".encode()).decode()
    with socket.create_connection(("127.0.0.1", port), timeout=2) as ask:
        head = f"DESCRIBE rtsp://127.0.0.1:{port}/{PATH} RTSP/1.0\r\nCSeq: 1\r\n"
        ask.sendall(f"{head}Authorization: Basic {login}\r\n\r\n".encode())
        return b" 200 " in ask.recv(200)
