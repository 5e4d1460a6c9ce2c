"""The original EdgeTAM code (package `edgetam-dimos`) at the same architecture, with random weights of its own."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from streamer.bench.engine import WARM_UP, boxes_of, scene_of
from streamer.config.settings import TrackingSettings
from streamer.edgetam import cores
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.weights import load
from streamer.errors import UsageError
from streamer.types import Frame, Prompt


class OriginalTracker:
    """One object through the original predictor: it reads a recorded clip, and gives a frame for each call of `track`.

    Its weights are not ours, so there are no masks to compare: this is about time alone. With several objects its
    perceiver fails on a view of expanded latents.
    """

    def __init__(self, frames: Sequence[Frame], prompt: Prompt) -> None:
        if find_spec("sam2") is None:
            raise UsageError("--against original needs the original code: pip install 'streamer[original]'")
        self._folder = tempfile.TemporaryDirectory()
        for index, frame in enumerate(frames):
            cv2.imwrite(str(Path(self._folder.name) / f"{index:05d}.jpg"), frame.image[..., ::-1])
        with torch.inference_mode():
            model = predictor()
            state = model.init_state(self._folder.name)
            model.add_new_points_or_box(
                state, frame_idx=0, obj_id=prompt.object_id, box=np.array(prompt.box, np.float32)
            )
            self._answers = model.propagate_in_video(state)

    def track(self) -> None:
        """The next frame."""
        with torch.inference_mode():
            next(self._answers)

    def close(self) -> None:
        """Remove the clip."""
        self._folder.cleanup()


def against_original(frames: int, runtime: str) -> dict[str, Any]:
    """One object at 1024: the original code and ours a frame each in turn, both with random weights.

    Raises UsageError where it is not installed.
    """
    name = runtimes.choose(runtime, "cpu")
    threads = cores.count()
    torch.set_num_threads(threads)
    scene = scene_of(1)
    recorded = [Frame.from_image(scene.draw(index)[0], index=index) for index in range(WARM_UP + frames)]
    (prompt,) = boxes_of(scene)
    original = OriginalTracker(recorded, prompt)
    checkpoint = load("full-random", device="cpu")
    tracker = StreamingTracker(runtimes.start(name, checkpoint), TrackingSettings(extensions=False))
    ours_s, original_s = [], []
    for frame in recorded:
        started = time.perf_counter()
        original.track()
        original_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        tracker.track(frame, [prompt] if frame.index == 0 else ())
        ours_s.append(time.perf_counter() - started)
    original.close()
    ours_ms, original_ms = (1000 * statistics.median(values[WARM_UP:]) for values in (ours_s, original_s))
    return {
        "model": tracker.describe(),
        "threads": threads,
        "frames": frames,
        "objects": 1,
        "ours_ms": round(ours_ms, 2),
        "original_ms": round(original_ms, 2),
        "ratio": round(original_ms / ours_ms, 3),
    }


def predictor(*overrides: str) -> Any:
    """The original predictor with random weights, and with settings of its configuration (Hydra's `++key=value`).

    Its builder wants the backbone's ImageNet weights from the Hub, which time does not depend on.
    """
    from sam2.build_sam import build_sam2_video_predictor
    from sam2.modeling.backbones import timm as backbones

    create = backbones.create_model
    backbones.create_model = lambda name, **options: create(name, **(options | {"pretrained": False}))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it announces each step of its loading
            return build_sam2_video_predictor("edgetam.yaml", None, device="cpu", hydra_overrides_extra=list(overrides))
    finally:
        backbones.create_model = create
