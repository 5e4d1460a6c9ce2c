"""Events in SQLite: bounded by age and size, with the position of each receiver."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from streamer.config.settings import EventSettings
from streamer.errors import SinkError
from streamer.events.counts import CountRow
from streamer.events.fields import named_fields
from streamer.events.types import Event

DAY_NS = 86_400_000_000_000
MAX_NUMBER = 2**63 - 1  # SQLite's largest
BUSY_S = 5.0  # SQLite's own wait for another connection's write
PRUNE_EVERY = 64  # events between checks of age and size
SHARE = 10  # a tenth of the events is deleted at a time while the file is too large
TABLES = """
pragma auto_vacuum = incremental;
create table if not exists events (
    id integer primary key autoincrement, wall_ns integer not null, source text not null, event text not null,
    body text not null
);
create index if not exists events_by_time on events (wall_ns);
create table if not exists receivers (name text primary key, delivered integer not null);
"""


COUNTS = """
select wall_ns / :every * :every as since, source, json_extract(body, '$.zone') as zone,
    sum(event = 'entered'), sum(event = 'left'),
    sum(event = 'crossed' and json_extract(body, '$.to') = 'left'),
    sum(event = 'crossed' and json_extract(body, '$.to') = 'right'),
    avg(case when event = 'left' then json_extract(body, '$.inside_s') end),
    max(case when event = 'left' then json_extract(body, '$.inside_s') end)
from events
where event in ('entered', 'left', 'crossed') and wall_ns >= :since and wall_ns < :until
    and (:source is null or source = :source)
group by since, source, zone order by since, source, zone
"""
UNSET = EventSettings()  # the defaults
Row = tuple[int, str, str, str]  # wall_ns, source, kind, and the event's fields as JSON


def row_of(event: Event, name_of: Callable[[int], str | None] = lambda _: None) -> Row:
    """A stored event; `name_of` gives the names of objects."""
    source = event.source.encode(errors="replace").decode()  # a file's name may hold bytes that are no text
    return event.wall_ns, source, event.kind, json.dumps(named_fields(event, name_of))


class Journal:
    """One SQLite file, kept within the settings' `days` and `max_size_mb`.

    Use it in the thread that opened it; several may be open on one file. Every method raises SinkError where the file
    cannot be read or written, also where another connection has locked it for longer than `busy_s` seconds.
    """

    def __init__(
        self,
        path: Path,
        settings: EventSettings = UNSET,
        *,
        busy_s: float = BUSY_S,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.path = path
        self._settings = settings
        self._wall_ns = wall_ns
        self._db: Any = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            if self._db is not None:
                self._db.close()
            raise SinkError(f"{path}: cannot be used as a journal: {error}") from error

    def append(self, *rows: Row) -> None:
        """Store events, all of them or none: they are on disk when this returns."""
        insert = "insert into events (wall_ns, source, event, body) values (?, ?, ?, ?)"
        with self._errors("written"), self._transaction():
            last = [self._db.execute(insert, row).lastrowid or 0 for row in rows][-1]
            if (last - 1) // PRUNE_EVERY != (last - 1 - len(rows)) // PRUNE_EVERY:
                self._prune()

    def after(self, number: int, most: int = 100) -> list[tuple[int, dict[str, Any]]]:
        """Events with a higher number, the oldest first, with their numbers."""
        query = "select id, body from events where id > ? order by id limit ?"
        with self._errors("read"):
            return [(row, json.loads(body)) for row, body in self._db.execute(query, (number, most))]

    def latest(
        self, most: int, *, before: int | None = None, source: str | None = None
    ) -> list[tuple[int, dict[str, Any]]]:
        """Events with a lower number than `before`, the newest first, with their numbers; of one source if named."""
        query = "select id, body from events where id < ? and (? is null or source = ?) order by id desc limit ?"
        with self._errors("read"):
            rows = self._db.execute(query, (MAX_NUMBER if before is None else before, source, source, most))
            return [(row, json.loads(body)) for row, body in rows]

    def counts(
        self, *, since_ns: int = 0, until_ns: int = MAX_NUMBER, every_s: float = 3600.0, source: str | None = None
    ) -> list[CountRow]:
        """What happened at zones, by intervals of `every_s` seconds (Unix time), the oldest first."""
        every_ns = int(every_s * 1e9)
        with self._errors("read"):
            rows = self._db.execute(
                COUNTS,
                {
                    "every": every_ns,
                    "since": since_ns,
                    "until": until_ns,
                    "source": source,
                },
            )
            return [CountRow(*row) for row in rows]

    def one(self, number: int) -> dict[str, Any] | None:
        """The event of a number, if it is still kept."""
        if number > MAX_NUMBER:
            return None
        with self._errors("read"):
            body = self._db.execute("select body from events where id = ?", (number,)).fetchone()
        return None if body is None else json.loads(body[0])

    def acknowledged(self, receiver: str) -> int:
        """The number of the last event that a receiver has; a new receiver starts with the next event."""
        with self._errors("read"):
            query = "select delivered from receivers where name = ?"
            if (last := self._db.execute(query, (receiver,)).fetchone()) is not None:
                return int(last[0])
            (newest,) = self._db.execute("select coalesce(max(id), 0) from events").fetchone()
        self.acknowledge(receiver, newest)
        return int(newest)

    def acknowledge(self, receiver: str, number: int) -> None:
        """Record that a receiver has everything up to this event."""
        with self._errors("written"):
            self._db.execute("insert or replace into receivers values (?, ?)", (receiver, number))

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SinkError(f"{self.path}: cannot be {verb}: {error}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:  # SQLite has rolled back by itself where the disk is full
                self._db.execute("rollback")
            raise

    def _prune(self) -> None:
        oldest_ns = self._wall_ns() - int(self._settings.days * DAY_NS)
        self._db.execute("delete from events where wall_ns < ?", (oldest_ns,))
        while self._bytes() > self._settings.max_size_mb * 1e6:
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
