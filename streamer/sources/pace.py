"""Playback of a recording in real time."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Waits until a frame's presentation time, counted from the first frame."""

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock_s = clock_s
        self._sleep = sleep
        self._zero_s: float | None = None

    def wait(self, at_s: float) -> None:
        """Return `at_s` seconds after the first frame; at once where that moment has passed."""
        now_s = self._clock_s()
        if self._zero_s is None:
            self._zero_s = now_s - at_s
        if (left_s := self._zero_s + at_s - now_s) > 0:
            self._sleep(left_s)
