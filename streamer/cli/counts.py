"""`streamer counts`: what happened at zones, from stored events."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path

from streamer.errors import UsageError
from streamer.events.counts import csv_of
from streamer.events.journal import Journal


def counts(args: argparse.Namespace) -> int:
    """Print a row for each interval, source and zone."""
    path = Path(args.journal)
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give the events.file of `serve`, or that of a journal: sink")
    with closing(Journal(path)) as journal:
        rows = journal.counts(every_s=args.every, source=args.source)
    print(json.dumps([row.fields() for row in rows]) if args.json else csv_of(rows), end="\n" if args.json else "")
    return 0
