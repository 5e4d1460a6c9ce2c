"""A camera that sends Motion JPEG over HTTP from this process; it can die, fall silent and come back."""

from __future__ import annotations

import asyncio
import contextlib

from streamer.soak.serving import Serving
from streamer.video.jpeg import encode_jpeg
from streamer.video.scene import Scene, SceneSettings

SIZE, FPS, FRAMES = (320, 240), 10.0, 50
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


class HttpCamera(Serving):
    """Streams at `url`. `dead`: connections are cut; `silent`: nothing is sent."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__("http camera")
        self.dead = self.silent = False
        scene = Scene(SceneSettings(seed=seed, objects=2, width=SIZE[0], height=SIZE[1], fps=FPS))
        self._parts = [_part(encode_jpeg(scene.draw(index)[0])) for index in range(FRAMES)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    def die(self) -> None:
        self.dead = True
        self.cut()

    def revive(self) -> None:
        self.dead = self.silent = False

    async def client(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.transport.abort()
            return
        self.writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._stream(writer)
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        index = 0
        while not writer.is_closing():
            if not self.silent:
                writer.write(self._parts[index % FRAMES])
                await writer.drain()
                index += 1
            await asyncio.sleep(1 / FPS)


def _part(jpeg: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)
