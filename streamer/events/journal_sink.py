"""Events kept in SQLite, and sent on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from streamer.events.delivery import EventDelivery, Receiver
from streamer.events.journal import Journal, Retention
from streamer.events.types import Event
from streamer.types import TrackResult


class JournalSink:
    """Keeps events, and has each receiver told of them in its own time. Raises SinkError."""

    def __init__(
        self,
        path: Path,
        retention: Retention,
        receivers: Sequence[Receiver] = (),
        *,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """`told` is called after each event: others may wait for those in the same file."""
        self._journal: Journal | None = None
        self._path, self._retention, self._told = path, retention, told
        Journal(path, retention).close()  # so that what cannot be used is said at the start
        self._couriers = [EventDelivery(path, receiver) for receiver in receivers]

    def write(self, result: TrackResult) -> None:
        pass

    def notify(self, event: Event) -> None:
        if self._journal is None:  # in the thread that writes: SQLite wants one thread a connection
            self._journal = Journal(self._path, self._retention)
        self._journal.append(event)
        for courier in self._couriers:
            courier.wake()
        self._told()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        for courier in self._couriers:
            courier.close()
