#!/usr/bin/env python
"""Print the media matrix of docs/media.md: which clips `run`, `track`, `evaluate` and the page read as FFmpeg does."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import av
import av.error

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.media import Case, evaluated, faults_of, formats, oddities

SAME, REFUSED = "yes", ""


def main() -> int:
    logging.disable(logging.CRITICAL)  # what is said of damaged clips
    av.logging.set_level(av.logging.PANIC)
    faults: list[str] = []
    for title, cases in (("Codec and pixels", formats()), ("Oddity", oddities())):
        print(table(title, cases, faults), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        faults += evaluated(Path(folder))
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


def table(title: str, cases: Iterable[Case], faults: list[str]) -> str:
    """Cases as Markdown; `faults` gets what readers got wrong."""
    cells: dict[str, dict[str, str]] = {}
    columns: dict[str, None] = {}
    for case in cases:
        columns[case.column] = None
        cells.setdefault(case.row, {})[case.column] = cell_of(case, faults)
    rows = [
        f"| {row} | {' | '.join(found.get(column, REFUSED) for column in columns)} |" for row, found in cells.items()
    ]
    head = f"| {title} | {' | '.join(columns)} |"
    return "\n".join([head, "| --- " * (len(columns) + 1) + "|", *rows, ""])


def cell_of(case: Case, faults: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = faults_of(case, Path(folder))
        except (av.error.FFmpegError, ValueError, OSError):  # FFmpeg writes no such clip
            return REFUSED
    faults += [f"{case.name}: {fault}" for fault in found]
    return "**no**" if found else SAME


if __name__ == "__main__":
    sys.exit(main())
