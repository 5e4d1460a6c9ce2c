"""Whose turn it is, where only one can be served at a time and some count for more than others."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from collections.abc import Iterator


class FairQueue:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996), each turn counting as one: while several wait, each gets
    turns in proportion to its priority; who was away has saved nothing up.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._busy = False
        self._now = 0.0  # the start of the turn that is served, in turns of priority 1
        self._until: dict[str, float] = {}

    @contextlib.contextmanager
    def acquire(self, name: str, priority: float = 1.0) -> Iterator[None]:
        """Wait for a turn of `name`, which lasts as long as the block."""
        with self._changed:
            start = max(self._now, self._until.get(name, 0.0))
            ticket = (start, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._busy and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._busy, self._now = True, start
            self._until[name] = start + 1 / priority
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def forget(self, name: str) -> None:
        """It will not come again."""
        with self._changed:
            self._until.pop(name, None)
