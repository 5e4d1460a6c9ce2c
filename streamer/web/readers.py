"""Readers of results over WebSockets: each gets the newest that its link can carry, and a frozen one is dropped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.ports import Sink
from streamer.service.camera import Camera
from streamer.types import TrackResult
from streamer.web.feed import Feed, FeedMessage, Variant
from streamer.web.link import MAX_IN_FLIGHT, Link

READ_TIMEOUT_S = 10.0  # for a reader that reads nothing
MAX_TEXTS = 256
MAX_READERS = 256
GOING_AWAY, POLICY_VIOLATION = 1001, 1008  # RFC 6455, section 7.4.1
GONE = GOING_AWAY, "the camera was removed, or the server shuts down"
LOGGED_OUT = POLICY_VIOLATION, "the session has ended; log in again"
CHECK_S = 1.0  # between looks at whether a connection is still allowed


class Reader:
    """The outgoing side of one connection; lives on the event loop."""

    def __init__(self, camera: str, variant: Variant) -> None:
        self.camera = camera
        self.variant = variant  # as the link can carry it
        self._link = Link(variant.width)
        self._sent_s: deque[float] = deque(maxlen=MAX_IN_FLIGHT)
        self.missed = 0
        self._result: bytes | None = None
        self._texts: deque[str] = deque(maxlen=MAX_TEXTS)
        self._credit = MAX_IN_FLIGHT
        self._changed = asyncio.Event()
        self._needs_key = True  # the decoder of the reader cannot continue from an earlier image
        self._ended = False
        self.why = GONE  # the code and the reason of the end

    def put(self, item: FeedMessage | str) -> bool:
        """Queue something newer. Returns whether the reader needs a key frame."""
        self._changed.set()
        if isinstance(item, str):
            self._texts.append(item)
            return False
        if self._result is not None:
            self.missed += 1
            self._needs_key = True
        if item.needs_earlier and self._needs_key:
            self._result = None
            return True
        self._result = item.data
        self._needs_key = False
        return False

    def acknowledge(self, now_s: float) -> bool:
        """The reader has shown a result; returns whether it gets another variant from now on."""
        has_changed = bool(self._sent_s) and self._link.acknowledged(self._sent_s.popleft(), now_s)
        self._credit = min(MAX_IN_FLIGHT, self._credit + 1)
        self._changed.set()
        if not has_changed or self.variant.images == "none":
            return False
        self.variant = replace(self.variant, width=self._link.width)
        self._result, self._needs_key = None, True
        return True

    @property
    def _may_send(self) -> bool:
        return self._credit > MAX_IN_FLIGHT - self._link.in_flight

    def end(self, why: tuple[int, str] = GONE) -> None:
        """Nothing more will be sent."""
        self.why = why
        self._ended = True
        self._changed.set()

    async def next(self) -> bytes | str | None:
        """The next message; None at the end. Raises TimeoutError if the reader acknowledges nothing for too long."""
        while not self._ended:
            if self._texts:
                return self._texts.popleft()
            if self._result is not None and self._may_send:
                self._credit -= 1
                self._sent_s.append(time.monotonic())
                result, self._result = self._result, None
                return result
            self._changed.clear()
            await asyncio.wait_for(self._wait_until_sendable(), None if self._may_send else READ_TIMEOUT_S)
        return None

    async def _wait_until_sendable(self) -> None:
        """Without credit a new result is no reason to wake up."""
        could_send = self._may_send
        while True:
            await self._changed.wait()
            if self._texts or self._ended or could_send or self._may_send:
                return
            self._changed.clear()


class Readers:
    """All readers of all cameras, and the feeds they read from."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.dropped = 0  # frozen readers that were disconnected
        self._readers: set[Reader] = set()
        self._players: Counter[str] = Counter()  # readers of Motion JPEG by camera
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def sinks(self, camera: Camera) -> dict[str, Sink]:
        """The sink that the readers add to a camera's own."""
        feed = self.feeds.setdefault(camera.name, Feed(camera.name, self._deliver))
        feed.follow(camera)
        return {"page": feed}

    def forget(self, camera: str) -> None:
        """End the readers of a camera that was removed."""
        self.feeds.pop(camera, None)
        self._call(self._end, camera)

    def count(self, camera: str) -> int:
        return self._players[camera] + sum(reader.camera == camera for reader in list(self._readers))

    @property
    def are_full(self) -> bool:
        """Whether no further reader is accepted."""
        return len(self._readers) + self._players.total() >= MAX_READERS

    def latest(self, camera: str) -> TrackResult | None:
        """The newest result of a camera; None before the first one, and after the last."""
        feed = None if self._closed else self.feeds.get(camera)
        return None if feed is None else feed.latest

    @contextlib.contextmanager
    def playing(self, camera: str) -> Iterator[None]:
        """Count a reader of Motion JPEG while the block runs."""
        self._players[camera] += 1
        try:
            yield
        finally:
            self._players[camera] -= 1

    def close(self) -> None:
        """End all readers, from any thread."""
        self._closed = True
        self._call(self._end, None)

    async def serve(self, websocket: WebSocket, camera: str, variant: Variant, allowed: Callable[[], bool]) -> None:
        """One connection, until either side ends it, or it is not allowed any more."""
        self._loop = asyncio.get_running_loop()
        await websocket.accept()
        reader = Reader(camera, variant)
        self._readers.add(reader)
        self._update_wanted(camera)
        if camera not in self.feeds:  # it was removed in the meantime
            reader.end()
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [
                    tasks.create_task(self._listen(websocket, reader)),
                    tasks.create_task(_watch(reader, allowed)),
                ]
                await self._send(websocket, reader)
                for other in others:
                    other.cancel()
        except* (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the reader has left
        finally:
            self._readers.discard(reader)
            self._update_wanted(camera)

    async def _send(self, websocket: WebSocket, reader: Reader) -> None:
        try:
            while (item := await reader.next()) is not None:
                send = websocket.send_text(item) if isinstance(item, str) else websocket.send_bytes(item)
                await asyncio.wait_for(send, READ_TIMEOUT_S)
            await websocket.close(*reader.why)
        except TimeoutError:
            self.dropped += 1
            with contextlib.suppress(Exception):
                why = f"the reader acknowledged nothing for {READ_TIMEOUT_S:g} s"
                await asyncio.wait_for(websocket.close(POLICY_VIOLATION, why), 1.0)
            raise WebSocketDisconnect(POLICY_VIOLATION) from None

    async def _listen(self, websocket: WebSocket, reader: Reader) -> None:
        """Handle the messages of a reader: it acknowledges a result, or asks for the server's time."""
        while True:
            try:
                message: Any = json.loads(await websocket.receive_text())
            except (ValueError, KeyError):
                message = None
            match message:
                case {"seen": int()}:
                    if reader.acknowledge(time.monotonic()):
                        self._update_wanted(reader.camera)
                case {"ping": int() | float() as number}:
                    reader.put(json.dumps({"kind": "pong", "ping": number, "wall_ns": time.time_ns()}))
                case _:
                    await websocket.close(POLICY_VIOLATION, 'send {"seen": NUMBER} or {"ping": NUMBER}')
                    return

    def _deliver(self, camera: str, variant: Variant | None, item: FeedMessage | str) -> None:
        """Called in the threads of the sinks."""
        if self._readers:
            self._call(self._distribute, camera, variant, item)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function on the event loop, where the readers live."""
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
                self.feeds[camera].request_key(variant)

    def _update_wanted(self, camera: str) -> None:
        if (feed := self.feeds.get(camera)) is not None:
            feed.wanted = frozenset(reader.variant for reader in self._readers if reader.camera == camera)


async def _watch(reader: Reader, allowed: Callable[[], bool]) -> None:
    """End a reader whose user has logged out or was removed."""
    while allowed():
        await asyncio.sleep(CHECK_S)
    reader.end(LOGGED_OUT)
