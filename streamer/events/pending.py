"""The file beside a journal: events that could not be stored before the end of a run wait there for the next one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from streamer.events.journal import Row

log = logging.getLogger(__name__)


def pending_file(journal: Path) -> Path:
    return journal.with_name(journal.name + ".pending")


def write_pending(journal: Path, rows: Sequence[Row]) -> bool:
    """Append rows, one JSON line each; returns whether they are on disk. The cameras of a server share the file."""
    file = pending_file(journal)
    data = "".join(f"\n{json.dumps(row)}" for row in rows).encode() + b"\n"  # an earlier line may lack its end
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(descriptor, data) < len(data):  # one write: what several threads append does not mix
                raise OSError(None, "the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("%s: %d events are lost: %s", file, len(rows), error.strerror)
        return False
    log.warning("%s: %d events wait there for the next run", file, len(rows))
    return True


def read_pending(journal: Path) -> list[Row]:
    """The rows of the file, which is removed; a caller that cannot store them writes them again."""
    file = pending_file(journal)
    try:
        lines = file.read_bytes().splitlines()
        file.unlink()  # another camera's sink may have been faster: then the rows are its own
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("%s: its events cannot be read: %s", file, error.strerror)
        return []
    rows = [_row(line) for line in lines if line]
    if broken := rows.count(None):
        log.warning("%s: %d incomplete lines are left out", file, broken)
    return [row for row in rows if row is not None]


def _row(line: bytes) -> Row | None:
    """None for a line that was cut off, when the disk was full."""
    try:
        wall_ns, source, kind, body = json.loads(line)
        json.loads(body)
        return int(wall_ns), str(source), str(kind), str(body)
    except (ValueError, TypeError):
        return None
