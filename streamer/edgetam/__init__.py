"""EdgeTAM on a stream: `open_tracker`. The only home of torch and transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.edgetam.tracker import Rules, StreamingTracker

RUNTIMES = ("auto", "torch")


def open_tracker(
    model: str = "nano",
    size: int | None = None,
    device: str = "auto",
    runtime: str = "auto",
    rules: Rules | None = None,
) -> StreamingTracker:
    """A tracker on the weights of `model`: `nano` (in the package), a Hub id, a local folder, or `full-random`.

    `size` is the side of the model's square input in pixels (None: the checkpoint's own); `device` is `auto`, `cpu`,
    `cuda` or `mps`. Raises ModelError where the model cannot be loaded, UsageError for an unknown setting.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"runtime {runtime!r} is unknown; known: {', '.join(RUNTIMES)}")
    from streamer.edgetam.tracker import Rules, StreamingTracker
    from streamer.edgetam.weights import load
    from streamer.edgetam.workers import unstarted

    with unstarted():  # the thread that opens a tracker is rarely the one that runs it
        return StreamingTracker(load(model, size=size, device=device), rules or Rules())


__all__ = ["RUNTIMES", "open_tracker"]
