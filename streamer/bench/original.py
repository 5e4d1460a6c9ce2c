"""The original EdgeTAM code (package `edgetam-dimos`) at the same architecture, with random weights of its own."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

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
