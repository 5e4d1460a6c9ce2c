"""A fair queue for one engine: cameras track one at a time, in proportion to their priorities."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)
HOLD_TIMEOUT_S = 30.0  # a step takes milliseconds to seconds; one that takes longer hangs


class FairQueue:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996), where each step counts as the seconds that it takes.

    While several cameras wait, each gets the engine's time in proportion to its priority; a camera that was idle has
    saved nothing up. A step that hangs for `hold_timeout_s` seconds loses the engine, so that the other cameras go on.
    """

    def __init__(
        self, hold_timeout_s: float = HOLD_TIMEOUT_S, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._hold_timeout_s = hold_timeout_s
        self._clock_s = clock_s
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._holder: tuple[str, int] | None = None  # the camera that holds the engine, and its ticket
        self._held_s = 0.0  # when it got the engine
        self._virtual_time = 0.0  # the start of the current step, in seconds of priority 1
        self._finish: dict[str, float] = {}

    @contextlib.contextmanager
    def acquire(self, name: str, priority: float = 1.0) -> Iterator[None]:
        """Hold the engine for a step of camera `name`."""
        number = self._wait(name)
        try:
            yield
        finally:
            with self._changed:
                if self._holder == (name, number):
                    self._holder = None
                    if name in self._finish:  # it was not removed in the meantime
                        self._finish[name] += (self._clock_s() - self._held_s) / priority
                self._changed.notify_all()

    def forget(self, name: str) -> None:
        """Drop the state of a camera that was removed."""
        with self._changed:
            self._finish.pop(name, None)

    def _wait(self, name: str) -> int:
        with self._changed:
            start = max(self._virtual_time, self._finish.get(name, 0.0))
            ticket = (start, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            while not (self._waiting[0] == ticket and self._is_free()):
                self._changed.wait(self._left_s())
            heapq.heappop(self._waiting)
            self._holder, self._held_s = (name, ticket[1]), self._clock_s()
            self._virtual_time = start
            self._finish[name] = start  # and more when the step has ended
            return ticket[1]

    def _left_s(self) -> float | None:
        """Seconds until the current holder loses the engine; None: nobody holds it."""
        if self._holder is None:
            return None
        return max(0.01, self._held_s + self._hold_timeout_s - self._clock_s())

    def _is_free(self) -> bool:
        if self._holder is None:
            return True
        if self._clock_s() - self._held_s < self._hold_timeout_s:
            return False
        log.error("camera %s: its step hangs for %g s; the others go on", self._holder[0], self._hold_timeout_s)
        self._holder = None
        return True
