"""The windows through which the tracker sees a picture: one that follows an object, and one around a click."""

from __future__ import annotations

import random

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.stills import Image
from streamer.edgetam.search_window import Crop, SearchWindow, size_after
from streamer.masks import box_of, depth

MIN_AREA = 60  # pixels of the canvas below which nothing is followed
ZOOMS = (1.5, 3.2)  # the window's side over the object's
CLICK_ZOOMS = (0.8, 9.0)  # likewise around a click, which does not say how large the object is
SMALLEST_WINDOW = 24
ASTRAY = 0.3  # how often a window goes after another object for a while, as a tracker's does that errs

Drawing = tuple[Image, NDArray[np.bool_]]


def followed(
    images: Image, masks_tkhw: NDArray[np.bool_], rng: random.Random, _nprng: np.random.Generator, size: int
) -> Drawing | None:
    """What a window shows that follows one of the clip's objects by where it was a frame before."""
    steps, height, width = images.shape[:3]
    seen = [k for k in range(masks_tkhw.shape[1]) if masks_tkhw[0, k].sum() > MIN_AREA]
    if not seen:
        return None
    target = rng.choice(seen)
    leader = leaders(target, seen, steps, rng)
    box = box_of(masks_tkhw[0, target])
    assert box is not None
    focus, length = SearchWindow.on(box, rng.uniform(*ZOOMS)), size_after(None, box)
    frames, visible = [], []
    for t in range(steps):
        image, masks = through(focus.window(height, width), images[t], masks_tkhw[t], size)
        frames.append(image)
        visible.append(masks)
        box = box_of(masks_tkhw[t, leader[t]])
        if box is None:
            focus.widen(height, width)
        else:
            length = size_after(length, box)
            focus.follow(box, length)
    return np.stack(frames), np.stack(visible)


def leaders(target: int, seen: list[int], steps: int, rng: random.Random) -> list[int]:
    """Which object the window goes after at each frame."""
    others = [k for k in seen if k != target]
    if steps < 6 or not others or rng.random() > ASTRAY:
        return [target] * steps
    first = rng.randint(1, steps - 3)
    last = rng.randint(first + 2, steps)
    other = rng.choice(others)
    return [other if first <= t < last else target for t in range(steps)]


def clicked(
    images: Image, masks_tkhw: NDArray[np.bool_], rng: random.Random, nprng: np.random.Generator, size: int
) -> Drawing | None:
    """What a window of any size shows around a point on one object; of small objects as often as of large ones."""
    height, width = images.shape[1:3]
    seen = [k for k in range(masks_tkhw.shape[1]) if masks_tkhw[0, k].sum() > MIN_AREA]
    if not seen:
        return None
    mask = masks_tkhw[0, rng.choice(seen)]
    inside = depth(mask)
    ys, xs = np.nonzero(inside >= inside.max() * rng.choice([0.2, 0.7, 0.999]))
    chosen = rng.randrange(len(ys))
    box = box_of(mask)
    assert box is not None
    longer = max(box[2] - box[0], box[3] - box[1])
    side = max(longer * float(np.exp(nprng.uniform(*np.log(CLICK_ZOOMS)))), SMALLEST_WINDOW)
    x, y = nprng.normal((xs[chosen], ys[chosen]), 0.04 * side)
    window = SearchWindow(1.0, float(x), float(y), side).window(height, width)
    image, masks = through(window, images[0], masks_tkhw[0], size)
    return image[None], masks[None]


def through(window: Crop, image: Image, masks_khw: NDArray[np.bool_], size: int) -> tuple[Image, NDArray[np.bool_]]:
    """A window of a picture and of its masks on the model's square."""
    x, y, w, h = window
    way = cv2.INTER_AREA if w > size else cv2.INTER_LINEAR
    frame = cv2.resize(image[y : y + h, x : x + w], (size, size), interpolation=way)
    parts = masks_khw[:, y : y + h, x : x + w].astype(np.uint8)
    masks = [cv2.resize(part, (size, size), interpolation=cv2.INTER_NEAREST) > 0 for part in parts]
    return frame, np.stack(masks)
