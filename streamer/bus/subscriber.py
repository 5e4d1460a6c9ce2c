"""ZeroMQ: the subscriber of results, which keeps only the newest message."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from streamer.bus.curve import ClientKeys
from streamer.bus.messages import MAX_MESSAGE, Message, newest_within, unpack
from streamer.bus.sockets import connect, unlock
from streamer.errors import StreamerError

log = logging.getLogger(__name__)
CLOCK_ERROR_MS = 20.0  # of two clocks that are synchronised
STEADY = 0.2  # ages that differ by less than this share come from a clock, and not from a slow network


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
        self.ahead_ms = 0.0  # by which the publisher's clock is known to be ahead
        self._endpoint = endpoint
        self._max_age_ms = max_age_ms
        self._keys = keys
        self._wall_ns = wall_ns
        self._topic = topic
        self._last_sequence: int | None = None
        self._latest: Message | None = None
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
            age_ms = self._age_ms(message)
            if self._max_age_ms is None or age_ms <= self._max_age_ms:
                return message
            self.refused += 1
            stale.append(age_ms)
        raise NothingFresh(f"{self._endpoint}: no fresh message within {timeout_s:g} s: {_why(stale)}")

    def _age_ms(self, message: Message) -> float:
        """The message's age. A negative one is impossible: then the publisher's clock is ahead by at least that."""
        age_ms = message.age_ms(self._wall_ns())
        if -age_ms > self.ahead_ms + CLOCK_ERROR_MS:
            self.ahead_ms = -age_ms
            log.warning(
                "%s: the publisher's clock is %.1f s ahead of this machine's; ages are corrected by that: "
                "synchronise the clocks (NTP)",
                self._endpoint,
                self.ahead_ms / 1000,
            )
        return age_ms + self.ahead_ms

    def read_latest(self, max_age_s: float) -> Message | None:
        """The newest message so far, at once and as often as it is asked for; None where it is older than `max_age_s`.

        The age is that of the frame, from its capture to now. None means that nothing is known: stop. A frame that
        lies more than FUTURE_S in the future has no age, because the two clocks differ; it is None too. Raises
        WireError for garbage.
        """
        while self._socket.poll(0):
            message = unpack(self._socket.recv())
            if not self._named:
                self._name(message)
                if self._topic != "masks":
                    continue
            self._count(message)
            self._latest = message
        return newest_within(self._latest, max_age_s, self._wall_ns())

    def _name(self, message: Message) -> None:
        """Subscribe to the topic of the first source: the socket keeps one newest message, whatever its topic."""
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


def _why(stale_ms: list[float]) -> str:
    """Why no message was fresh. Messages that come steadily, and all equally old, tell of a clock that is behind."""
    if not stale_ms:
        return "none came"
    why = f"{len(stale_ms)} were refused, the last {stale_ms[-1]:.0f} ms old"
    oldest, youngest = max(stale_ms), min(stale_ms)
    if len(stale_ms) > 2 and oldest - youngest < STEADY * youngest:
        why += (
            f"; all are equally old, so the publisher's clock may be {youngest / 1000:.1f} s behind this machine's: "
            "synchronise the clocks (NTP)"
        )
    return why
