"""The sink that stores events. A locked, full or broken file loses no event and does not delay the pipeline."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence

from streamer.channel import Channel, Closed
from streamer.config.settings import EventSettings
from streamer.errors import SinkError
from streamer.events.delivery import EventDelivery, EventReceiver
from streamer.events.journal import Journal, Row, row_of
from streamer.events.pending import read_pending, write_pending
from streamer.events.types import Event
from streamer.process.threads import background
from streamer.rate_limit import Backoff

log = logging.getLogger(__name__)
MAX_PENDING = 100_000  # events in memory while the file cannot be written; beyond this the oldest are lost, and counted
BUSY_S = 0.2  # SQLite's wait for another connection's write: short, so that the end of a run does not wait for it
BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0)
CLOSE_TIMEOUT_S = 1.0  # for pending events; after it they go to a file beside the journal


class JournalSink:
    """Stores events in SQLite, in a thread of its own, and has each receiver notified in its own time.

    While the file cannot be written (locked, a full disk) events wait in memory, and at the end in `FILE.pending`,
    which the next run reads. Raises SinkError where the file cannot be used at start-up.
    """

    def __init__(
        self,
        settings: EventSettings,
        receivers: Sequence[EventReceiver] = (),
        *,
        on_stored: Callable[[], None] = lambda: None,
        name_of: Callable[[int], str | None] = lambda _: None,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings, self._on_stored, self._name_of = settings, on_stored, name_of
        self._backoff = backoff or Backoff(BACKOFF_S)
        Journal(settings.file, settings).close()  # a file that cannot be used is an error at start-up
        self._deliveries = [EventDelivery(settings.file, receiver) for receiver in receivers]
        self._pending: Channel[Row] = Channel(MAX_PENDING, lossy=True)
        self._closing = threading.Event()
        self._counting = threading.Lock()
        self._notified = 0  # events
        self._settled = 0  # of them, stored or in the pending file; counted by the journal's thread
        self._unsaved = 0  # events that could be written nowhere before the end
        self._thread = background("journal", self._run)

    @property
    def lost(self) -> int:
        """Events that are neither stored nor waiting."""
        return self._pending.dropped + self._unsaved

    @property
    def stored(self) -> bool:
        """Whether no event waits to be stored."""
        return self._notified == self._settled + self._pending.dropped

    def notify(self, event: Event) -> None:
        self.put(row_of(event, self._name_of))

    def put(self, row: Row) -> None:
        """Store an event; may be called from any thread."""
        with self._counting:
            self._notified += 1
        self._pending.put(row)

    def close(self) -> None:
        """Store what is pending; idempotent."""
        self._pending.close()
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        for delivery in self._deliveries:
            delivery.close()

    def _run(self) -> None:
        earlier = read_pending(self._settings.file)
        if earlier and not self._store(earlier):
            self._give_up([*earlier, *self._pending.drain()])
        while rows := self._next():
            if not self._store(rows):
                self._give_up([*rows, *self._pending.drain()])
            self._settled += len(rows)

    def _next(self) -> list[Row]:
        """All rows that wait, at least one; none at the end."""
        try:
            return [self._pending.get(), *self._pending.drain()]
        except Closed:
            return []

    def _store(self, rows: Sequence[Row]) -> bool:
        """Store rows, however long it takes; false where the end came first."""
        while True:
            is_last_attempt = self._closing.is_set()
            if self._try_to_store(rows):
                return True
            if is_last_attempt:
                return False
            self._closing.wait(self._backoff.failed())

    def _try_to_store(self, rows: Sequence[Row]) -> bool:
        try:
            with contextlib.closing(Journal(self._settings.file, self._settings, busy_s=BUSY_S)) as journal:
                journal.append(*rows)
        except SinkError as error:
            if not self._backoff.failures:
                log.warning("%s; events are kept in memory and stored later", error)
            return False
        if self._backoff.failures:
            log.info("%s: events are stored again", self._settings.file)
        self._backoff.succeeded()
        self._on_stored()
        for delivery in self._deliveries:
            delivery.wake()
        return True

    def _give_up(self, rows: Sequence[Row]) -> None:
        self._unsaved += 0 if write_pending(self._settings.file, rows) else len(rows)


class SharedJournalSink:
    """One camera's way into a journal that outlives it: events wait for the file also while the camera is changed."""

    def __init__(self, journal: JournalSink, name_of: Callable[[int], str | None]) -> None:
        self._journal, self._name_of = journal, name_of

    @property
    def lost(self) -> int:
        """Events of all cameras that are neither stored nor waiting."""
        return self._journal.lost

    def notify(self, event: Event) -> None:
        self._journal.put(row_of(event, self._name_of))

    def close(self) -> None:
        """The journal stays open for the other cameras."""
