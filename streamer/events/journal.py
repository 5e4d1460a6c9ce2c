"""Events on disk, bounded by age and size, and how far each receiver has got."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.errors import SinkError
from streamer.events.fields import event_fields
from streamer.events.types import Event

DAY_NS = 86_400_000_000_000
MAX_NUMBER = 2**63 - 1  # SQLite's largest
BUSY_S = 5.0  # to wait for another connection's write
PRUNE_EVERY = 64  # events between looks at what is too much
SHARE = 10  # one in so many events goes at a time where the file is too large
TABLES = """
pragma auto_vacuum = incremental;
create table if not exists events (
    id integer primary key autoincrement, wall_ns integer not null, source text not null, event text not null,
    body text not null
);
create index if not exists events_by_time on events (wall_ns);
create table if not exists receivers (name text primary key, delivered integer not null);
"""


@dataclass(frozen=True, slots=True)
class Retention:
    """What stays; None is no limit."""

    days: float | None = 30.0
    most_bytes: float | None = 500e6


class Journal:
    """One SQLite file. Use it in the thread that opened it; several may be open on one file."""

    def __init__(
        self, path: Path, retention: Retention = Retention(), *, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Raises SinkError where it cannot be opened, or is something else."""
        self.path = path
        self._retention = retention
        self._wall_ns = wall_ns
        self._since_pruned = PRUNE_EVERY  # also at the start
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            raise SinkError(f"{path}: cannot be used as a journal: {error}") from error

    def append(self, event: Event) -> None:
        """Keep an event: it is on disk when this returns. Raises SinkError."""
        fields = event_fields(event)
        row = (event.wall_ns, event.source, event.kind, json.dumps(fields))
        try:
            self._db.execute("insert into events (wall_ns, source, event, body) values (?, ?, ?, ?)", row)
            self._since_pruned += 1
            if self._since_pruned > PRUNE_EVERY:
                self._since_pruned = 0
                self._prune()
        except sqlite3.Error as error:
            raise SinkError(f"{self.path}: cannot be written: {error}; what was written before is kept") from error

    def after(self, number: int, most: int = 100) -> list[tuple[int, dict[str, Any]]]:
        """Events with a higher number, the oldest first, with their numbers."""
        query = "select id, body from events where id > ? order by id limit ?"
        return [(row, json.loads(body)) for row, body in self._db.execute(query, (number, most))]

    def latest(
        self, most: int, *, before: int | None = None, source: str | None = None
    ) -> list[tuple[int, dict[str, Any]]]:
        """Events with a lower number than `before`, the newest first, with their numbers; of one source if named."""
        query = "select id, body from events where id < ? and (? is null or source = ?) order by id desc limit ?"
        rows = self._db.execute(query, (MAX_NUMBER if before is None else before, source, source, most))
        return [(row, json.loads(body)) for row, body in rows]

    def one(self, number: int) -> dict[str, Any] | None:
        """The event of a number, if it is still kept."""
        if number > MAX_NUMBER:
            return None
        found = self._db.execute("select body from events where id = ?", (number,)).fetchone()
        return None if found is None else json.loads(found[0])

    def delivered(self, receiver: str) -> int:
        """The number of the last event that a receiver has taken; a new one starts with what comes from now on."""
        query = "select delivered from receivers where name = ?"
        if (found := self._db.execute(query, (receiver,)).fetchone()) is None:
            (newest,) = self._db.execute("select coalesce(max(id), 0) from events").fetchone()
            self.mark(receiver, newest)
            return int(newest)
        return int(found[0])

    def mark(self, receiver: str, number: int) -> None:
        """A receiver has taken everything up to this event."""
        self._db.execute("insert or replace into receivers values (?, ?)", (receiver, number))

    def close(self) -> None:
        self._db.close()

    def _prune(self) -> None:
        limits = self._retention
        if limits.days is not None:
            oldest_ns = self._wall_ns() - int(limits.days * DAY_NS)
            self._db.execute("delete from events where wall_ns < ?", (oldest_ns,))
        while limits.most_bytes is not None and self._bytes() > limits.most_bytes:
            first, last = self._db.execute("select min(id), max(id) from events").fetchone()
            if first is None:
                break
            self._db.execute("delete from events where id <= ?", (first + (last - first) // SHARE,))
        self._db.execute("pragma incremental_vacuum").fetchall()

    def _bytes(self) -> int:
        names = ("page_count", "page_size", "freelist_count")
        pages, size, free = (int(self._db.execute(f"pragma {name}").fetchone()[0]) for name in names)
        return (pages - free) * size


def read(path: Path) -> list[dict[str, Any]]:
    """All events of a journal, the oldest first; raises SinkError."""
    with closing(Journal(path)) as journal:
        return [fields for _, fields in journal.after(0, most=-1)]
