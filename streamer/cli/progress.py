"""Progress on stderr: a bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

log = logging.getLogger("streamer")
TERMINAL_S, LOG_S = 0.5, 5.0  # between two states of the bar
COLUMNS, ROWS = 100, 20  # of a terminal that does not know its size
AMOUNT = "{n_fmt} of {total_fmt}{unit}, {rate_fmt}, {remaining} left"


class LogLines:
    """A file for tqdm whose writes become log lines."""

    def write(self, text: str) -> None:
        if line := text.strip():
            log.info("%s", line)

    def flush(self) -> None:
        pass


def _knows_its_size(stream: TextIO) -> bool:
    """False for a pseudo-terminal of 0 x 0, into which tqdm would write nothing."""
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError):
        return False


class Progress(tqdm):  # type: ignore[type-arg] # tqdm is generic for type checkers alone
    """`with Progress(total=300, unit="frame") as progress:`, and `progress.update()` for each."""

    monitor_interval = 0  # no thread of its own

    def __init__(
        self,
        items: Iterable[Any] | None = None,
        *,
        total: int | None = None,
        unit: str = "frame",
        layout: str | None = None,
        stream: TextIO | None = None,
        disable: bool = False,
    ) -> None:
        stream = stream or sys.stderr
        terminal, sized = stream.isatty(), _knows_its_size(stream)
        super().__init__(
            items,
            total=total,
            unit=f" {unit}s",
            file=stream if terminal else LogLines(),
            bar_format=layout if layout or terminal else AMOUNT,
            mininterval=TERMINAL_S if terminal else LOG_S,
            miniters=1,
            leave=terminal,
            delay=0 if terminal else LOG_S,
            ncols=None if sized else COLUMNS,
            nrows=None if sized else ROWS,
            dynamic_ncols=sized,
            disable=disable,
        )

    @property
    def elapsed_s(self) -> float:
        return float(self.format_dict["elapsed"])
