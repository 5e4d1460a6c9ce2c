"""torch's worker threads belong to the thread that tracks, and to no other."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def deferred(*, alone: bool = True) -> Iterator[None]:
    """Run torch in this thread without starting OpenMP's workers for it; afterwards it may, if it computes `alone`.

    Each thread that runs torch gets workers of its own. Once there are more of them than cores, OpenMP lets all of them
    sleep between operations instead of spinning: a step of `nano` in the pipeline's thread then takes 104 ms, not 39.
    Beside another runtime, which has workers of its own, torch only prepares and resizes, and gets none.
    """
    threads = count() if alone else 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def count() -> int:
    """How many threads torch gets: one core of three or more is left to capture and sinks, unless OMP_NUM_THREADS says.

    Workers wait for each other: one that has to share its core with a sink holds up all.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()
    allowed = getattr(os, "sched_getaffinity", None)  # a container or taskset may give fewer than there are
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return cores - 1 if cores > 2 else cores
