"""A TCP server of asyncio in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import ABC, abstractmethod
from typing import Self

from streamer.process.threads import background

STOP_TIMEOUT_S = 10.0


class Serving(ABC):
    """`with` one, and it listens on `port` of this machine (0: one that is free); leaving cuts every connection."""

    def __init__(self, name: str, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.writers: set[asyncio.StreamWriter] = set()
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._name = name

    @abstractmethod
    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""

    def __enter__(self) -> Self:
        self._thread = background(self._name, self._run)
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_TIMEOUT_S)

    def cut(self) -> None:
        """End every connection at whatever byte it is."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in list(self.writers):
            writer.transport.abort()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self.client, "127.0.0.1", self.port, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
