"""Delivery of events: an outbox worker that sends a journal's events to a receiver, in order."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from streamer.channel import Channel, Closed
from streamer.errors import SinkError
from streamer.events.journal import Journal
from streamer.process.threads import background
from streamer.rate_limit import Backoff

log = logging.getLogger(__name__)
CLOSE_TIMEOUT_S = 0.5  # for an event that is being delivered
POLL_S = 5.0  # for events of another process in the same journal
MAX_REJECTIONS = 5  # attempts at an event that the receiver rejects; then it is set aside, and the next one goes out


class DeliveryError(Exception):
    """An event was not delivered. `rejected`: the receiver will not accept this one, however often it is sent."""

    def __init__(self, reason: str, *, rejected: bool = False) -> None:
        super().__init__(reason)
        self.rejected = rejected


class EventReceiver(Protocol):
    """Where events go."""

    name: str  # redacted

    def deliver(self, number: int, body: bytes) -> None:
        """Return once the receiver has the event; raises DeliveryError."""

    def close(self) -> None: ...


class EventDelivery:
    """At-least-once delivery in a background thread: a receiver may see an event twice, with the same `id`.

    An event that the receiver rejects MAX_REJECTIONS times is set aside, logged and counted in `set_aside`.
    """

    def __init__(self, path: Path, receiver: EventReceiver, make_backoff: Callable[[], Backoff] = Backoff) -> None:
        self.set_aside = 0
        self._path, self._receiver = path, receiver
        self._backoff = make_backoff()
        self._rejections = 0
        self._unacknowledged: int | None = None  # an event that was delivered while the journal could not be written
        with contextlib.closing(Journal(path)) as journal:
            journal.acknowledged(receiver.name)  # from now on its events wait for it
        self._news: Channel[None] = Channel(1, lossy=True)
        self.wake()  # for events of an earlier run
        self._thread = background("event delivery", self._run)

    def wake(self) -> None:
        """There are new events."""
        with contextlib.suppress(Closed):
            self._news.put(None)

    def close(self) -> None:
        """Events that are not delivered yet stay in the journal for the next run."""
        self._news.abort()
        self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            with contextlib.closing(self._receiver):
                while True:
                    with contextlib.suppress(TimeoutError):
                        self._news.get(POLL_S)
                    while not self._deliver_all():
                        self._sleep(self._backoff.failed())
                    self._backoff.succeeded()
        except Closed:
            pass

    def _sleep(self, seconds: float) -> None:
        """Wait out a back-off, whatever news there is; raises Closed."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                self._news.get(left_s)

    def _deliver_all(self) -> bool:
        """Whether every waiting event has been delivered."""
        try:
            with contextlib.closing(Journal(self._path)) as journal:
                return self._deliver_waiting(journal)
        except SinkError as error:
            log.warning("%s: %s", self._receiver.name, error)
            return False

    def _deliver_waiting(self, journal: Journal) -> bool:
        if self._unacknowledged is not None:
            self._acknowledge(journal, self._unacknowledged)
        last = journal.acknowledged(self._receiver.name)
        while waiting := journal.after(last):
            for number, fields in waiting:
                if self._news.closed:
                    raise Closed
                if not self._deliver(number, json.dumps(fields | {"id": number}).encode()):
                    return False
                self._acknowledge(journal, last := number)
        return True

    def _acknowledge(self, journal: Journal, number: int) -> None:
        self._unacknowledged = number
        journal.acknowledge(self._receiver.name, number)
        self._unacknowledged = None

    def _deliver(self, number: int, body: bytes) -> bool:
        """Whether the next event's turn has come: this one is delivered, or set aside."""
        try:
            self._receiver.deliver(number, body)
        except DeliveryError as error:
            self._rejections += error.rejected
            if self._rejections < MAX_REJECTIONS:
                log.warning("%s: %s; event %d is kept and sent again", self._receiver.name, error, number)
                return False
            self.set_aside += 1
            log.warning("%s: %s; event %d is set aside and stays in the journal", self._receiver.name, error, number)
        self._rejections = 0
        self._backoff.succeeded()
        return True
