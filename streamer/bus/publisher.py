"""ZeroMQ: the publisher of results and events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import zmq

from streamer.bus.curve import ServerKeys
from streamer.bus.messages import header_of, pack_event, pack_jpeg, pack_masks
from streamer.bus.sockets import BoundSocket, check_endpoint
from streamer.events.types import Event
from streamer.masks import CODECS, Codec
from streamer.types import TrackResult
from streamer.video.jpeg import jpeg_of
from streamer.video.overlay import overlay_jpeg_of

SEND_HIGH_WATER = 8  # messages kept for a slow subscriber: a burst fits, and it reads the newest one anyway

JPEGS: dict[str, Literal["plain", "drawn"]] = {"frames": "plain", "overlay": "drawn"}
MODEL_MASKS = "masks-model"
MASKS: dict[str, Codec | None] = {"masks": None} | {f"masks-{codec}": codec for codec in CODECS}


class Publisher:
    """A sink that publishes results. Topics, each `<source>/NAME`: `masks` (in the codec given here), `masks-<codec>`,
    `masks-model` (what the model found, without carried masks), `frames` (JPEG), `overlay` (JPEG with the masks drawn)
    and `events`; a topic without a subscriber is not sent.
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
        self._server = BoundSocket(zmq.XPUB, endpoint, keys, {zmq.SNDHWM: SEND_HIGH_WATER})
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
        for name, kind in JPEGS.items():
            topic = f"{result.frame.source}/{name}"
            if self._is_wanted(topic, by_prefix=False):
                self._send(pack_jpeg(topic, _jpeg(result, kind), self._header(topic, result)))

    def write_model(self, result: TrackResult) -> None:
        """What the model found on the result's frame; objects that it did not look for are left out."""
        self._read_subscriptions()
        topic = f"{result.frame.source}/{MODEL_MASKS}"
        if self._is_wanted(topic, by_prefix=False):
            found = replace(result, tracks=tuple(track for track in result.tracks if track.age == 0))
            self._send(pack_masks(topic, found, self._codec, self._header(topic, found)))

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
    return jpeg_of(result.frame) if kind == "plain" else overlay_jpeg_of(result)
