"""Readers of results over WebSockets: each gets the newest that its link can carry, and a frozen one is dropped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.ports import Sink
from streamer.service.camera import Camera
from streamer.web.feed import Feed, FeedMessage, Variant

UNSEEN_AT_MOST = 2  # pictures on their way to a reader that it has not said to have seen
PATIENCE_S = 10.0  # with a reader that takes nothing
TEXTS_AT_MOST = 256
READERS_AT_MOST = 256
GOING_AWAY, POLICY, TRY_LATER = 1001, 1008, 1013  # RFC 6455, section 7.4.1


class Reader:
    """One connection's outgoing side; lives on the event loop."""

    def __init__(self, camera: str, variant: Variant) -> None:
        self.camera = camera
        self.variant = variant
        self.missed = 0
        self._picture: bytes | None = None
        self._texts: deque[str] = deque(maxlen=TEXTS_AT_MOST)
        self._credit = UNSEEN_AT_MOST
        self._news = asyncio.Event()
        self._is_behind = True  # and cannot show a picture that needs those before
        self._ended = False

    def put(self, item: FeedMessage | str) -> bool:
        """Something newer to send. Returns whether a picture that needs none before is wanted."""
        self._news.set()
        if isinstance(item, str):
            self._texts.append(item)
            return False
        if self._picture is not None:
            self.missed += 1
            self._is_behind = True
        if item.needs_earlier and self._is_behind:
            self._picture = None
            return True
        self._picture = item.data
        self._is_behind = False
        return False

    def seen(self) -> None:
        """The reader has shown a picture."""
        self._credit = min(UNSEEN_AT_MOST, self._credit + 1)
        self._news.set()

    def end(self) -> None:
        """There will be nothing more."""
        self._ended = True
        self._news.set()

    async def next(self) -> bytes | str | None:
        """What to send now; None at the end. Raises TimeoutError where the reader takes nothing for too long."""
        while not self._ended:
            if self._texts:
                return self._texts.popleft()
            if self._picture is not None and self._credit:
                self._credit -= 1
                picture, self._picture = self._picture, None
                return picture
            self._news.clear()
            await asyncio.wait_for(self._news_for(), PATIENCE_S if self._credit == 0 else None)
        return None

    async def _news_for(self) -> None:
        """Wait for what can be sent: pictures do not count for one who has not seen those before."""
        before = self._credit
        while True:
            await self._news.wait()
            if self._texts or self._ended or before or self._credit:
                return
            self._news.clear()


class Readers:
    """All readers of all cameras, and the feeds they read from."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.dropped = 0  # readers that were frozen
        self._readers: set[Reader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def watching(self, camera: Camera) -> dict[str, Sink]:
        """The sink beside a camera's own."""
        feed = self.feeds.setdefault(camera.name, Feed(camera.name, self._deliver))
        feed.camera = camera
        return {"page": feed}

    def forget(self, camera: str) -> None:
        """A camera is gone, and with it its readers' pictures."""
        self.feeds.pop(camera, None)
        self._call(self._end, camera)

    def count(self, camera: str) -> int:
        return sum(reader.camera == camera for reader in list(self._readers))

    def close(self) -> None:
        """End all readers, from any thread."""
        self._call(self._end, None)

    async def serve(self, websocket: WebSocket, camera: str, variant: Variant) -> None:
        """One connection, until either side ends it."""
        self._loop = asyncio.get_running_loop()
        if camera not in self.feeds or len(self._readers) >= READERS_AT_MOST:
            await websocket.close(POLICY if camera not in self.feeds else TRY_LATER)
            return
        await websocket.accept()
        reader = Reader(camera, variant)
        self._readers.add(reader)
        self._count_wanted(camera)
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(_listen(websocket, reader))
                await self._send(websocket, reader)
                listening.cancel()
        except* (WebSocketDisconnect, RuntimeError, OSError):
            pass  # it is gone
        finally:
            self._readers.discard(reader)
            self._count_wanted(camera)

    async def _send(self, websocket: WebSocket, reader: Reader) -> None:
        try:
            while (item := await reader.next()) is not None:
                send = websocket.send_text(item) if isinstance(item, str) else websocket.send_bytes(item)
                await asyncio.wait_for(send, PATIENCE_S)
            await websocket.close(GOING_AWAY, "the camera is gone, or the server ends")
        except TimeoutError:
            self.dropped += 1
            with contextlib.suppress(Exception):
                await asyncio.wait_for(websocket.close(POLICY, f"nothing was taken for {PATIENCE_S:g} s"), 1.0)
            raise WebSocketDisconnect(POLICY) from None

    def _deliver(self, camera: str, variant: Variant | None, item: FeedMessage | str) -> None:
        """Called in sinks' threads."""
        if self._readers:
            self._call(self._distribute, camera, variant, item)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """On the event loop, where readers live."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(function, *arguments)

    def _end(self, camera: str | None) -> None:
        for reader in self._readers:
            if camera in (None, reader.camera):
                reader.end()

    def _distribute(self, camera: str, variant: Variant | None, item: FeedMessage | str) -> None:
        for reader in self._readers:
            is_wanted = reader.camera == camera and variant in (None, reader.variant)
            if is_wanted and reader.put(item) and variant is not None and camera in self.feeds:
                self.feeds[camera].want_key(variant)

    def _count_wanted(self, camera: str) -> None:
        if (feed := self.feeds.get(camera)) is not None:
            feed.wanted = frozenset(reader.variant for reader in self._readers if reader.camera == camera)


async def _listen(websocket: WebSocket, reader: Reader) -> None:
    """What a reader says: that it has seen a picture, or asks for the time."""
    while True:
        try:
            said: Any = json.loads(await websocket.receive_text())
        except (ValueError, KeyError):
            said = None
        match said:
            case {"seen": int()}:
                reader.seen()
            case {"ping": int() | float() as number}:
                reader.put(json.dumps({"kind": "pong", "ping": number, "wall_ns": time.time_ns()}))
            case _:
                await websocket.close(POLICY, 'a reader says {"seen": NUMBER} or {"ping": NUMBER}')
                return
