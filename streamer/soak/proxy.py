"""The wire between a client and a server: TCP that can be delayed, slowed down, held and cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl

from streamer.soak.serving import Serving

CHUNK = 4096


class Proxy(Serving):
    """`with Proxy(port) as wire:` forwards `wire.port` to a port of this machine, from a thread of its own.

    What is set holds from the next bytes on, towards the client: `delay_s` and up to `jitter_s` more of latency,
    `bytes_a_second`, and `held`, which lets nothing pass. With `tls` the client's side is encrypted.
    """

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__("proxy", tls=tls)
        self.delay_s = self.jitter_s = 0.0
        self.bytes_a_second: float | None = None
        self.held = False
        self._target = target

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onward}
        self.writers |= both
        try:
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(_pump(reader, onward))
                both_ways.create_task(self._towards_client(there, writer))
        except* (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.writers -= both
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
