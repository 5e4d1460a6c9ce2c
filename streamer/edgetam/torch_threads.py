"""torch's worker threads belong to the thread that tracks, and to no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from streamer.edgetam import cores


@contextlib.contextmanager
def deferred(*, alone: bool = True) -> Iterator[None]:
    """Run torch in this thread without starting OpenMP's workers for it; afterwards it may, if it computes `alone`.

    Each thread that runs torch gets workers of its own. Once there are more of them than cores, OpenMP lets all of them
    sleep between operations instead of spinning: a step of `nano` in the pipeline's thread then takes 104 ms, not 39.
    Beside another runtime, which has workers of its own, torch only prepares and resizes, and gets none.
    """
    threads = cores.count() if alone else 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
