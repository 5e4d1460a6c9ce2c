"""Prompts and correction clicks drawn from true masks, in pixels of the model's square."""

from __future__ import annotations

import cv2
import numpy as np

from streamer.masks import Mask, depth


def click(mask: Mask, rng: np.random.Generator) -> tuple[float, float]:
    """A point inside the mask: its deepest one, or any that is not at the rim."""
    inside = depth(mask)
    limit = inside.max() * rng.choice([0.2, 0.5, 0.999])
    ys, xs = np.nonzero(inside >= limit)
    chosen = rng.integers(len(ys))
    return float(xs[chosen]), float(ys[chosen])


def box(mask: Mask, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The mask's box as a hand draws it: each side off by up to a tenth."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    noise = rng.normal(0, 0.035, 4).clip(-0.1, 0.1) * (w, h, w, h)
    size = mask.shape[0] - 1
    x0, y0, x1, y1 = np.clip(np.array([x, y, x + w - 1, y + h - 1]) + noise, 0, size)
    return float(x0), float(y0), float(x1), float(y1)


def correction(predicted: Mask, true: Mask, rng: np.random.Generator) -> tuple[float, float, int]:
    """A click where the prediction is most wrong, with label 1 for what it missed and 0 for what it added."""
    missed, added = true & ~predicted, predicted & ~true
    if not missed.any() and not added.any():
        return (*click(true, rng), 1) if true.any() else (0.0, 0.0, -1)
    label = int(missed.sum() >= added.sum())
    return *click(missed if label else added, rng), label
