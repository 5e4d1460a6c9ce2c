"""Objects in windows of their own: side by side in OpenVINO's streams, beside one window after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam.opening import open_runtime
from streamer.edgetam.runtimes.openvino import OpenVinoRuntime
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.types import Frame, Prompt, Track
from streamer.video.scene import MAX_OBJECTS, Scene, SceneSettings

FRAME_WH = (640, 360)
WARM_UP = 8  # frames


def windows(model: str, objects: int, frames: int) -> dict[str, Any]:
    """A frame of each in turn, in one process: milliseconds by the clock and of the processor, and the difference.

    Raises UsageError where OpenVINO does not run the model.
    """
    if objects > MAX_OBJECTS:
        raise UsageError(f"--objects {objects}: the scene has at most {MAX_OBJECTS}")
    runtime = open_runtime(model, None, "cpu", "openvino")
    assert isinstance(runtime, OpenVinoRuntime)
    width, height = FRAME_WH
    scene = Scene(SceneSettings(objects=objects, width=width, height=height))
    ways = {
        "apart": StreamingTracker(runtime, TrackingSettings()),
        "beside": StreamingTracker(runtime, TrackingSettings()),
    }
    clock_ms: dict[str, list[float]] = {way: [] for way in ways}
    processor_ms: dict[str, list[float]] = {way: [] for way in ways}
    worst = 0.0
    for index in range(WARM_UP + frames):
        frame, found = Frame.from_image(scene.draw(index)[0], index=index), []
        for way, tracker in ways.items():
            runtime.side_by_side = way == "beside"
            began, used = time.perf_counter(), time.process_time()
            found.append(tracker.track(frame, _boxes(scene) if index == 0 else ()))
            clock_ms[way].append((time.perf_counter() - began) * 1e3)
            processor_ms[way].append((time.process_time() - used) * 1e3)
        worst = max(worst, _difference(*found))
    figures: dict[str, Any] = {"model": tracker.describe(), "objects": objects, "frames": frames}
    for way in ways:
        took, used_ms = clock_ms[way][WARM_UP:], processor_ms[way][WARM_UP:]
        figures |= {f"{way}_ms": round(statistics.median(took), 1), f"{way}_best_ms": round(min(took), 1)}
        figures |= {f"{way}_processor_ms": round(statistics.median(used_ms), 1)}
    return figures | {"max_abs_logit_diff": worst}


def _boxes(scene: Scene) -> list[Prompt]:
    return [Prompt(number, box=box_of(mask)) for number, mask in scene.truth(0).items()]


def _difference(one: Sequence[Track], other: Sequence[Track]) -> float:
    pairs = [(a.logits, b.logits) for a, b in zip(one, other, strict=True)]
    return max(float(np.abs(a - b).max()) for a, b in pairs if a is not None and b is not None)
