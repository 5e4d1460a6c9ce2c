"""EdgeTAM: `open_tracker` on a stream, `open_engine` on several, `open_segmenter` on stills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer.config.stills import SEGMENT_MEMORY_MB

if TYPE_CHECKING:
    from streamer.config.settings import TrackingSettings
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.image import ImageSegmenter
    from streamer.edgetam.session_tracker import SessionEngine
    from streamer.edgetam.tracker import StreamingTracker
    from streamer.ports import TrackerEngine


def open_tracker(
    model: str = "nano",
    size: int | None = None,
    device: str = "auto",
    runtime: str = "auto",
    tracking: TrackingSettings | None = None,
) -> StreamingTracker:
    """A tracker on the weights of `model`, alone on its engine; parameters and errors as of `open_engine`.

    Neither `still` nor runtime `transformers`, which `open_engine` takes.
    """
    return _open_edgetam(model, size, device, runtime).tracker(tracking)


def open_engine(
    model: str = "nano", size: int | None = None, device: str = "auto", runtime: str = "auto"
) -> TrackerEngine:
    """What trackers run on, with the weights of `model`: `nano` (in the package), a Hub id, a folder, or `full-random`.

    `still` has no weights: its trackers hold each prompted mask where it was, and need no torch. `size` is the side of
    the model's square input in pixels (None: the checkpoint's own); `device` is `auto`, `cpu`, `cuda` or `mps`;
    `runtime` is `auto` (OpenVINO on the CPU where it is installed) or one of `config.runtimes`. Raises ModelError where
    the model cannot be loaded, UsageError for an unknown setting.
    """
    from streamer.edgetam.still import STILL, StillEngine

    if model == STILL:
        return StillEngine(size, device, runtime)
    if runtime == "transformers":
        return _open_session_engine(model, size, device)
    return _open_edgetam(model, size, device, runtime)


def _open_edgetam(model: str, size: int | None, device: str, runtime: str) -> Engine:
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.opening import open_runtime

    return Engine(open_runtime(model, size, device, runtime))


def _open_session_engine(model: str, size: int | None, device: str) -> SessionEngine:
    from streamer.edgetam.runtimes.choose import check_installed

    check_installed("transformers")
    from streamer.edgetam import torch_threads
    from streamer.edgetam.architectures import SAME_INTERFACE
    from streamer.edgetam.session_tracker import SessionEngine
    from streamer.edgetam.weights import load

    with torch_threads.deferred(alone=True):
        return SessionEngine(load(model, size=size, device=device, merge=False, architectures=SAME_INTERFACE))


def open_segmenter(
    model: str = "nano",
    size: int | None = None,
    device: str = "auto",
    memory_mb: float = SEGMENT_MEMORY_MB,
    *,
    exact: bool = False,
) -> ImageSegmenter:
    """Masks on still images, on the weights of `model`; `memory_mb` bounds what is computed at a time.

    On graphs where they are there, else in eager torch, since converting them takes longer than a few images. With
    `exact` prompts are decoded on the whole image, as transformers does; else a model with a small input looks at each
    object in a window of its own.

    Raises ModelError where the model cannot be loaded, UsageError for an unknown setting.
    """
    from streamer.config.settings import TrackingSettings
    from streamer.edgetam.image import ImageSegmenter
    from streamer.edgetam.opening import open_unconverted

    runtime, tracking = open_unconverted(model, size, device), TrackingSettings(exact=exact)
    return ImageSegmenter(runtime, memory_mb=memory_mb, tracking=tracking)


__all__ = ["open_engine", "open_segmenter", "open_tracker"]
