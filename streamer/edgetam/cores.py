"""How many threads compute."""

from __future__ import annotations

import os


def count() -> int:
    """One core of three or more is left to capture and sinks, unless OMP_NUM_THREADS says how many threads to take.

    Workers wait for each other: one that has to share its core with a sink holds up all.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    cores = available()
    return cores - 1 if cores > 2 else cores


def available() -> int:
    """Cores that this process may use: a container or taskset may give fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
