"""Background threads: named daemons, with a join that has a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

SLICE_S = 0.05  # the main thread waits in slices: a bare join misses Ctrl-C now and then


class Background:
    """A running daemon thread. Python cannot end a thread from outside: past its deadline one is abandoned."""

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=target, name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds; returns whether the thread has ended. A thread does not wait for itself."""
        if self._thread is threading.current_thread():
            return False
        return join_all([self], timeout_s)


def background(name: str, target: Callable[[], object]) -> Background:
    """Run `target` in a daemon thread called `name`."""
    return Background(name, target)


def join_all(threads: Sequence[Background], timeout_s: float) -> bool:
    """Wait for all of them, together no longer than `timeout_s` seconds; returns whether all have ended."""
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        while thread.running and (left_s := deadline - time.monotonic()) > 0:
            thread._thread.join(min(SLICE_S, left_s))
    return not any(thread.running for thread in threads)
