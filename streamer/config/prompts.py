"""Prompts as settings give them, in files and on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.config.settings import PromptSettings
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.types import Prompt, numbered

BOX_FORM = "[ID:]x0,y0,x1,y1"


def build_prompts(settings: Sequence[PromptSettings], truth: Mapping[int, NDArray[np.bool_]] | None) -> list[Prompt]:
    """Prompts of settings, each with an id; `truth` are a scene's masks on its first frame.

    Raises UsageError or CommandError.
    """
    ids = [entry.object_id for entry in settings if entry.object_id is not None]
    for object_id in ids:
        if ids.count(object_id) > 1:
            raise UsageError(f"prompts: object {object_id} is there twice; give each object one prompt")
    return list(numbered([prompt_of(entry, truth) for entry in settings], highest=max(ids, default=0)))


def prompt_of(
    entry: PromptSettings, truth: Mapping[int, NDArray[np.bool_]] | None, mode: Literal["refine", "replace"] = "refine"
) -> Prompt:
    """The prompt of one entry; raises UsageError or CommandError."""
    box = _true_box(entry.object_id, truth) if entry.box == "truth" else entry.box
    return Prompt(
        entry.object_id,
        points=tuple((x, y) for x, y, _ in entry.points),
        labels=tuple(label for _, _, label in entry.points),
        box=box,
        mask=None if entry.mask is None else read_mask(entry.mask),
        mode=mode,
    )


def _true_box(
    object_id: int | None, truth: Mapping[int, NDArray[np.bool_]] | None
) -> tuple[float, float, float, float]:
    if truth is None:
        raise UsageError(f"--box {object_id}:truth: only a scene: source knows the truth; give {BOX_FORM}")
    if object_id is None or object_id not in truth:
        raise UsageError(f"--box ID:truth: the scene has objects {', '.join(map(str, truth))}; name one of them")
    box = box_of(truth[object_id])
    if box is None:
        raise UsageError(f"--box {object_id}:truth: that object is not visible on the first frame; try another seed")
    return box


def read_mask(path: Path) -> NDArray[np.bool_]:
    """A mask image: what is not black (or not transparent, or palette entry 0) is the object."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UsageError(f"--mask {path}: cannot be read as an image")
    return np.ascontiguousarray(image > 0 if image.ndim == 2 else image[..., :3].max(axis=2) > 0)
