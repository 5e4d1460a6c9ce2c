"""Readers of a camera's frames, and a frozen one.

`python -m streamer.bench.reader URL CAMERA N SECONDS` prints the frames a second that each reader received, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


async def read(url: str, until: float) -> float:
    """Frames a second."""
    began, count = time.monotonic(), 0
    async with connect(url, max_size=None, compression=None) as socket:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            while time.monotonic() < until:
                message = await asyncio.wait_for(socket.recv(), until - time.monotonic())
                if isinstance(message, bytes):
                    (length,) = struct.unpack_from("<I", message)
                    sequence = json.loads(message[4 : 4 + length])["sequence"]
                    await socket.send(json.dumps({"seen": sequence}))
                    count += 1
    return count / (time.monotonic() - began)


async def stare(url: str, until: float) -> None:
    """Open, and take nothing."""
    socket: ClientConnection
    async with connect(url, max_size=None, compression=None, max_queue=1) as socket:
        await asyncio.sleep(until - time.monotonic())
        socket.transport.abort()


async def all_of_them(url: str, camera: str, count: int, seconds: float) -> list[float]:
    url = f"{url.replace('http', 'ws', 1)}/api/v1/cameras/{camera}/results?images=jpeg"
    until = time.monotonic() + seconds
    *rates, _ = await asyncio.gather(*(read(url, until) for _ in range(count)), stare(url, until))
    return [rate for rate in rates if rate is not None]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_of_them(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
