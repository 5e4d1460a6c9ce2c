"""The sink that stores events: nothing that happens to the file loses one, or holds up the pipeline."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from streamer.channel import Channel
from streamer.config.settings import EventSettings
from streamer.errors import SinkError
from streamer.events.delivery import EventDelivery, EventReceiver
from streamer.events.journal import Journal, Row, row_of
from streamer.events.types import Event
from streamer.process.threads import background
from streamer.rate_limit import Backoff

log = logging.getLogger(__name__)
MAX_PENDING = 100_000  # events in memory while the file cannot be written; beyond this the oldest are lost, and counted
CLOSE_TIMEOUT_S = 1.0  # for pending events; those that cannot be stored by then go to a file beside the journal


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
        backoff: Backoff | None = None,
    ) -> None:
        self._settings, self._on_stored = settings, on_stored
        self._backoff = backoff or Backoff()
        Journal(settings.file, settings).close()  # a file that cannot be used is an error at start-up
        self._deliveries = [EventDelivery(settings.file, receiver) for receiver in receivers]
        self._pending: Channel[Row] = Channel(MAX_PENDING, lossy=True)
        self._closing = threading.Event()
        self._unstored = 0  # events that wait to be stored
        self._thread = background("journal", self._run)

    @property
    def lost(self) -> int:
        """Events beyond MAX_PENDING."""
        return self._pending.dropped

    @property
    def stored(self) -> bool:
        """Whether no event waits to be stored."""
        return not self._unstored

    def notify(self, event: Event) -> None:
        self._unstored += 1
        self._pending.put(row_of(event))

    def close(self) -> None:
        """Store what is pending; idempotent."""
        self._closing.set()
        self._pending.close()
        self._thread.join(CLOSE_TIMEOUT_S)
        for delivery in self._deliveries:
            delivery.close()

    def _run(self) -> None:
        rows = itertools.chain(read_pending(self._settings.file), self._pending)
        for row in rows:
            if not self._store(row):
                write_pending(self._settings.file, [row, *rows])
                return

    def _store(self, row: Row) -> bool:
        """Store a row, however long it takes; false where the end came first."""
        while True:
            try:
                with contextlib.closing(Journal(self._settings.file, self._settings)) as journal:
                    journal.append(row)
            except SinkError as error:
                log.warning("%s; the event is kept in memory and stored later", error)
            else:
                self._backoff.succeeded()
                self._unstored = max(0, self._unstored - 1)
                self._on_stored()
                for delivery in self._deliveries:
                    delivery.wake()
                return True
            if self._closing.is_set() or self._closing.wait(self._backoff.failed()):
                return False


def pending_file(journal: Path) -> Path:
    """Where events wait that could not be stored before the end of a run."""
    return journal.with_name(journal.name + ".pending")


def write_pending(journal: Path, rows: Sequence[Row]) -> None:
    """Append rows to the file beside the journal."""
    file = pending_file(journal)
    try:
        with file.open("a", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
    except OSError as error:
        log.warning("%s: %d events are lost: %s", file, len(rows), error.strerror)
    else:
        log.warning("%s: %d events wait there for the next run", file, len(rows))


def read_pending(journal: Path) -> Iterator[Row]:
    """The rows of the file beside the journal, which is removed first: what is not stored is written there again."""
    file = pending_file(journal)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        file.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s: its events cannot be read: %s", file, error.strerror)
        return
    for line in lines:
        wall_ns, source, kind, body = json.loads(line)
        yield wall_ns, source, kind, body
