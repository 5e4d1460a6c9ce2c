"""The wire between a client and a server: TCP that can be delayed, slowed down, held and cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import threading
from typing import Self

CHUNK = 4096


class Proxy:
    """`with Proxy(port) as wire:` forwards `wire.port` to a port of this machine, from a thread of its own.

    What is set holds from the next bytes on, towards the client: `delay_s` and up to `jitter_s` more of latency,
    `bytes_a_second`, and `held`, which lets nothing pass. With `tls` the client's side is encrypted.
    """

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.delay_s = self.jitter_s = 0.0
        self.bytes_a_second: float | None = None
        self.held = False
        self._target = target
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def cut(self) -> None:
        """End every connection at whatever byte it is."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onward}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(_pump(reader, onward))
                both_ways.create_task(self._towards_client(there, writer))
        except* (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers -= both
            for end in both:
                with contextlib.suppress(Exception):
                    end.close()

    async def _towards_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock, line = asyncio.get_running_loop().time, asyncio.Queue[tuple[float, bytes]]()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver(line, writer))
            while data := await reader.read(CHUNK):
                await line.put((clock() + self.delay_s + self.jitter_s * random.random(), data))
            await line.put((clock(), b""))

    async def _deliver(self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await line.get()
            if not data:
                writer.close()
                return
            await asyncio.sleep(max(0.0, due - clock()))
            while self.held:
                await asyncio.sleep(0.02)
            if self.bytes_a_second:
                await asyncio.sleep(len(data) / self.bytes_a_second)
            writer.write(data)
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()
