"""ZeroMQ: the subscriber of results, which keeps only the newest message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import zmq

from streamer.bus.curve import ClientKeys
from streamer.bus.messages import MAX_MESSAGE, Message, unpack
from streamer.bus.sockets import connect, unlock
from streamer.errors import StreamerError


class NothingFresh(StreamerError):  # noqa: N818 - a condition
    """No message came that was young enough."""


class Subscriber:
    """Keeps only the newest message of one topic. Use it in the thread that made it.

    `refused` counts the messages older than `max_age_ms`, `lost` the messages that newer ones
    replaced before they were read.
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
