"""Photographs with their own objects where they stand, seen by a moving camera; neighbours of a kind stay beside."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.bodies import Body, approach, body, cut, draw, texture, wander
from nano.camera import excursion
from nano.stills import Image, Picture, Plane, Stills

MOST = 14  # objects of one picture
SIBLING = 0.7  # how often a picture's target is one of several of its kind, where there are such
PASSED = 0.4  # how often something passes in front

Drawing = tuple[Image, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where each pixel of a square comes from in the photograph, frame by frame."""

    centre: tuple[float, float]
    reach: tuple[float, float]  # width and height of what is seen, in pixels of the photograph
    moves: Plane  # T x 2, in windows
    zooms: Plane
    angles: Plane
    bend: Plane
    phase: Plane
    mirror: bool

    def at(self, t: int, unit: Plane) -> Plane:
        """S x S x 2 coordinates in the photograph."""
        size = (unit.shape[1], unit.shape[0])
        offset = cv2.resize(np.tensordot(self.phase[t], self.bend, 1), size, interpolation=cv2.INTER_CUBIC)
        a = np.deg2rad(self.angles[t])
        turn = np.float32([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * self.zooms[t]
        at = (unit + offset + self.moves[t]) @ turn * np.float32(self.reach) + np.float32(self.centre)
        return np.ascontiguousarray(at[:, ::-1] if self.mirror else at, np.float32)


def whole(stills: Stills, rng: random.Random, _nprng: np.random.Generator, _steps: int, _size: int) -> Drawing | None:
    """A photograph as it is, with all its objects: for windows of any size around a click."""
    _, image, ids = stills.picture(rng)
    numbers = [int(n) for n in np.unique(ids) if n > 0]
    if not numbers:
        return None
    rng.shuffle(numbers)
    masks = np.stack([ids == n for n in numbers[: 2 * MOST]])
    if rng.random() < 0.5:
        image, masks = image[:, ::-1], masks[..., ::-1]
    return np.ascontiguousarray(image)[None], np.ascontiguousarray(masks)[None]


def in_place(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Drawing | None:
    """A photograph bent a little before a camera that moves, looks away and comes back; now and then one passes."""
    picture, image, ids = stills.picture(rng)
    numbers = [int(n) for n in np.unique(ids) if n > 0]
    if not numbers:
        return None
    target = chosen(picture, numbers, rng)
    others = [n for n in numbers if n != target]
    numbers = [target, *rng.sample(others, min(len(others), MOST - 1))]
    motion = seen_around(ids == target, rng, nprng, steps)
    unit = (np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32) + 0.5) / size - 0.5
    passing = passers(stills, picture.kinds.get(target), rng, nprng, steps)
    frames, visible = [], []
    for t in range(steps):
        at = motion.at(t, unit)
        frame = cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        moved = cv2.remap(ids, at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        frame, masks = passed(frame, [moved == n for n in numbers], passing, t)
        frames.append(frame)
        visible.append(np.stack(masks))
    return np.stack(frames), np.stack(visible)


def chosen(picture: Picture, numbers: list[int], rng: random.Random) -> int:
    """One of the objects, most often one that has others of its kind beside it."""
    counts = Counter(picture.kinds.get(n, "") for n in numbers)
    siblings = [n for n in numbers if counts[picture.kinds.get(n, "")] > 1]
    return rng.choice(siblings if siblings and rng.random() < SIBLING else numbers)


def seen_around(target_hw: NDArray[np.bool_], rng: random.Random, nprng: np.random.Generator, steps: int) -> Motion:
    """A camera somewhere near the target."""
    h, w = target_hw.shape
    x, y, bw, bh = cv2.boundingRect(target_hw.astype(np.uint8))
    longer = max(bw, bh, 12)
    ww = min(w, longer * nprng.uniform(1.2, 4.5) * nprng.uniform(0.7, 1.3))
    wh = min(h, longer * nprng.uniform(1.2, 4.5))
    cx = np.clip(x + bw * nprng.uniform(0.2, 0.8), ww / 2, max(ww / 2, w - ww / 2))
    cy = np.clip(y + bh * nprng.uniform(0.2, 0.8), wh / 2, max(wh / 2, h - wh / 2))
    phase = np.sin(nprng.uniform(0, 6.28, 2) + np.outer(np.arange(steps), nprng.uniform(0.1, 1.1, 2)))
    shake = nprng.normal(0, nprng.choice([0, 0, 0.008]), (steps, 2))
    moves = wander(nprng, steps, 2, nprng.choice([0.01, 0.03, 0.06])) + excursion(nprng, steps) + shake
    return Motion(
        centre=(float(cx), float(cy)),
        reach=(float(ww), float(wh)),
        moves=moves.astype(np.float32),
        zooms=(np.exp(wander(nprng, steps, 1, 0.03)[:, 0]) * approach(nprng, steps)).astype(np.float32),
        angles=wander(nprng, steps, 1, nprng.choice([0.5, 3.0]))[:, 0],
        bend=nprng.normal(0, nprng.choice([0.004, 0.012, 0.022]), (2, 6, 6, 2)).astype(np.float32),
        phase=phase.astype(np.float32),
        mirror=rng.random() < 0.5,
    )


def passers(stills: Stills, kind: str | None, rng: random.Random, nprng: np.random.Generator, steps: int) -> list[Body]:
    """One thing that crosses the picture, most often of the target's kind; usually none."""
    if steps < 4 or rng.random() > PASSED:
        return []
    same = kind in stills.kinds and rng.random() < 0.7
    rgba = cut(stills.instances(rng, str(kind), 1)[0], rng) if same else texture(stills, rng, nprng)
    if rgba is None:
        return []
    one = body(rgba, nprng, steps, 0.5)
    side, across = rng.choice([-1, 1]), nprng.uniform(1.0, 2.2)
    line = np.linspace(-0.5 * across, 0.5 * across, steps) * side + nprng.uniform(-0.3, 0.3)
    height = nprng.uniform(0.3, 0.7) + nprng.normal(0, 0.1) * np.linspace(-1, 1, steps)
    one.centres = np.stack((0.5 + line, height), 1).astype(np.float32)
    return [one]


def passed(
    frame: Image, masks: list[NDArray[np.bool_]], passing: list[Body], t: int
) -> tuple[Image, list[NDArray[np.bool_]]]:
    """The frame with what passes in front of it."""
    for one in passing:
        part = draw(one, t, len(frame))
        if part is None:
            masks = [*masks, np.zeros(frame.shape[:2], np.bool_)]
            continue
        h, w = part.rgba.shape[:2]
        ground = frame[part.y : part.y + h, part.x : part.x + w].astype(np.float32) / 255
        mixed = ground * (1 - part.rgba[..., 3:]) + part.rgba[..., :3]
        frame[part.y : part.y + h, part.x : part.x + w] = (mixed * 255).clip(0, 255).astype(np.uint8)
        part.hide(masks)
        masks = [*masks, part.mask(len(frame))]
    return frame, masks
