"""EdgeTAM: `open_tracker` on a stream, `open_engine` on several, `open_segmenter` on stills. The only home of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.config.settings import TrackingSettings
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.image import ImageSegmenter
    from streamer.edgetam.session_tracker import SessionEngine
    from streamer.ports import LiveTracker, TrackerEngine


def open_tracker(
    model: str = "nano",
    size: int | None = None,
    device: str = "auto",
    runtime: str = "auto",
    tracking: TrackingSettings | None = None,
) -> LiveTracker:
    """A tracker on the weights of `model`, alone on its engine; parameters and errors as of `open_engine`."""
    return open_engine(model, size, device, runtime).tracker(tracking)


def open_engine(
    model: str = "nano", size: int | None = None, device: str = "auto", runtime: str = "auto"
) -> TrackerEngine:
    """What trackers run on, with the weights of `model`: `nano` (in the package), a Hub id, a folder, or `full-random`.

    `still` has no weights: its trackers hold each prompted mask where it was, and need no torch. `size` is the side of
    the model's square input in pixels (None: the checkpoint's own); `device` is `auto`, `cpu`, `cuda` or `mps`;
    `runtime` is one of `config.runtimes`: `auto` takes OpenVINO on the CPU where it is installed. Raises ModelError
    where the model cannot be loaded, UsageError for an unknown setting.
    """
    from streamer.edgetam.still import STILL, StillEngine

    if model == STILL:
        return StillEngine(size, device, runtime)
    if runtime == "transformers":
        return _open_session_engine(model, size, device)
    return open_graph_engine(model, size, device, runtime)


def _open_session_engine(model: str, size: int | None, device: str) -> SessionEngine:
    from streamer.edgetam import torch_threads
    from streamer.edgetam.session_tracker import SessionEngine
    from streamer.edgetam.weights import SAME_INTERFACE, load

    with torch_threads.deferred(alone=True):
        return SessionEngine(load(model, size=size, device=device, merge=False, architectures=SAME_INTERFACE))


def open_graph_engine(
    model: str = "nano", size: int | None = None, device: str = "auto", runtime: str = "auto"
) -> Engine:
    """An EdgeTAM whose steps run as graphs of ours, with all that recordings and state files need.

    Parameters and errors as of `open_engine`; `still` and runtime `transformers` raise ModelError and UsageError.
    """
    from streamer.edgetam import torch_threads
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.runtimes import choose as runtimes
    from streamer.edgetam.weights import choose_device, load

    chosen = runtimes.choose(runtime, choose_device(device))
    with torch_threads.deferred(alone=chosen == "torch"):  # the thread that opens it is rarely the one that runs it
        checkpoint = load(model, size=size, device=device)
        return Engine(checkpoint, runtimes.start(chosen, checkpoint))


def open_segmenter(
    model: str = "nano", size: int | None = None, device: str = "auto", memory_mb: float = 2048.0
) -> ImageSegmenter:
    """Masks on still images, on the weights of `model`, in eager torch; `memory_mb` bounds what is computed at a time.

    Raises ModelError where the model cannot be loaded, UsageError for an unknown setting.
    """
    from streamer.edgetam.image import ImageSegmenter
    from streamer.edgetam.weights import load

    return ImageSegmenter(load(model, size=size, device=device), memory_mb=memory_mb)


__all__ = ["open_engine", "open_graph_engine", "open_segmenter", "open_tracker"]
