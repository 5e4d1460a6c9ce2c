"""ZeroMQ: the publisher of results and their subscriber."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import cv2
import zmq

from streamer.errors import StreamerError
from streamer.events import Event
from streamer.keys import ClientKeys, ServerKeys
from streamer.masks import CODECS, Codec, overlay
from streamer.sockets import Server, check_endpoint, connect, unlock
from streamer.types import TrackResult
from streamer.wire import MAX_MESSAGE, Message, header_of, pack_event, pack_masks, pack_picture, unpack

JPEG_QUALITY = 80
SEND_HIGH_WATER = 8  # messages kept for a slow subscriber: a burst fits, and it reads the newest one anyway

PICTURES: dict[str, Literal["plain", "drawn"]] = {"frames": "plain", "overlay": "drawn"}
MASKS: dict[str, Codec | None] = {"masks": None} | {f"masks-{codec}": codec for codec in CODECS}


class Publisher:
    """A sink that publishes results. Topics, each `<source>/NAME`: `masks` (in the codec given here), `masks-<codec>`,
    `frames` (JPEG), `overlay` (JPEG with the masks drawn) and `events`; only what somebody subscribed to is sent.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        codec: Codec = "rle",
        keys: ServerKeys | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        check_endpoint(endpoint, keys)
        self._server = Server(zmq.XPUB, endpoint, keys, {zmq.SNDHWM: SEND_HIGH_WATER})
        self._socket = self._server.socket
        self.endpoint = self._server.endpoint
        self._codec = codec
        self._clock_ns = clock_ns
        self._wanted: set[bytes] = set()
        self._sequence: dict[str, int] = {}
        self._dropped: dict[str, int] = {}

    def write(self, result: TrackResult) -> None:
        self._read_subscriptions()
        for name, codec in MASKS.items():
            topic = f"{result.frame.source}/{name}"
            if self._is_wanted(topic, by_prefix=name == "masks"):
                self._send(pack_masks(topic, result, codec or self._codec, self._header(topic, result)))
        for name, kind in PICTURES.items():
            topic = f"{result.frame.source}/{name}"
            if self._is_wanted(topic, by_prefix=False):
                self._send(pack_picture(topic, _jpeg(result, kind), self._header(topic, result)))

    def notify(self, event: Event) -> None:
        self._read_subscriptions()
        topic = f"{event.source}/events"
        if self._is_wanted(topic, by_prefix=False):
            self._sequence[topic] = self._sequence.get(topic, 0) + 1
            self._send(pack_event(topic, event, self._sequence[topic]))

    def close(self) -> None:
        self._server.close()

    def _send(self, frame: bytes) -> None:
        self._socket.send(frame, copy=False)

    def _read_subscriptions(self) -> None:
        while self._socket.poll(0):
            event = self._socket.recv()
            (self._wanted.add if event[:1] == b"\1" else self._wanted.discard)(event[1:])

    def _is_wanted(self, topic: str, *, by_prefix: bool) -> bool:
        """A subscription names a topic with its NUL; a mere prefix asks for masks only, not for every kind there is."""
        exact = topic.encode() + b"\0"
        return exact in self._wanted or (by_prefix and any(topic.encode().startswith(p) for p in self._wanted))

    def _header(self, topic: str, result: TrackResult) -> dict[str, Any]:
        self._sequence[topic] = self._sequence.get(topic, 0) + 1
        dropped = result.dropped - self._dropped.get(topic, 0)
        self._dropped[topic] = result.dropped
        return header_of(result, sequence=self._sequence[topic], dropped=dropped, published_ns=self._clock_ns())


def _jpeg(result: TrackResult, kind: Literal["plain", "drawn"]) -> bytes:
    image = result.frame.image if kind == "plain" else overlay(result.frame.image, result.tracks)
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class NothingFresh(StreamerError):  # noqa: N818 - a condition
    """No message came that was young enough."""


class Subscriber:
    """Keeps only the newest message of one topic. Use it in the thread that made it.

    `refused` counts the messages older than `max_age_ms`, `lost` those that newer ones replaced before they were read.
    """

    def __init__(
        self,
        endpoint: str,
        source: str | None = None,
        topic: str = "masks",
        *,
        max_age_ms: float | None = None,
        keys: ClientKeys | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.refused = 0
        self.lost = 0
        self._endpoint = endpoint
        self._max_age_ms = max_age_ms
        self._keys = keys
        self._wall_ns = wall_ns
        self._topic = topic
        self._last_sequence: int | None = None
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._connect(f"{source}/{topic}\0".encode() if source else b"")
        self._named = source is not None

    def _connect(self, subscription: bytes) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SUBSCRIBE, subscription)
        unlock(socket, self._keys)
        connect(self._context, socket, self._endpoint)
        return socket

    def receive(self, timeout_s: float) -> Message:
        """The newest message that is young enough; raises NothingFresh after `timeout_s`, WireError for garbage."""
        deadline = time.monotonic() + timeout_s
        stale: list[float] = []
        while (left_s := deadline - time.monotonic()) > 0:
            if not self._socket.poll(int(left_s * 1000) + 1):
                break
            message = unpack(self._socket.recv())
            if not self._named:
                self._name(message)
                if self._topic != "masks":
                    continue
            self._count(message)
            age_ms = message.age_ms(self._wall_ns())
            if self._max_age_ms is None or age_ms <= self._max_age_ms:
                return message
            self.refused += 1
            stale.append(age_ms)
        why = f"{len(stale)} were refused, the last {stale[-1]:.0f} ms old" if stale else "none came"
        raise NothingFresh(f"{self._endpoint}: no fresh message within {timeout_s:g} s: {why}")

    def _name(self, message: Message) -> None:
        """Having heard of a source, listen to that one topic: only so is the newest message kept of each."""
        old, self._socket = self._socket, self._connect(f"{message.source}/{self._topic}\0".encode())
        old.close()
        self._named = True

    def _count(self, message: Message) -> None:
        sequence = message.sequence
        if self._last_sequence is not None and sequence > self._last_sequence:
            self.lost += sequence - self._last_sequence - 1
        self._last_sequence = sequence

    def close(self) -> None:
        if not self._socket.closed:
            self._socket.close()
            self._context.term()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
