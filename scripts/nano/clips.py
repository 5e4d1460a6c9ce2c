"""Training clips made from stills: cut-outs that move, bend, hide each other, leave and return."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.bodies import GONE, Body, body, draw, shadow, texture
from nano.camera import moving_background, photographed
from nano.crossing import group
from nano.photographs import in_place, whole
from nano.stills import Image, Stills
from nano.windows import clicked, followed
from streamer.video.scene import Scene, SceneSettings

MIN_AREA = 30  # pixels of the model's square below which nothing can be pointed at
FOLLOWED = 0.75  # of the clips are seen through a window that follows one object, as the tracker's does
FIRST_SCENE_SEED = 10_000  # the demo, the tests and the evaluation stay below
CANVAS = 1.75  # of the model's side: where a window is cut from


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """`frames` T x S x S x 3; `masks` T x K x S x S, what is visible of each of K targets (a target may repeat)."""

    frames: Image
    masks: NDArray[np.bool_]


Drawing = tuple[Image, NDArray[np.bool_]]  # frames and masks of every object, on a square canvas
Kind = Callable[[Stills, random.Random, np.random.Generator, int, int], Drawing | None]


def composite(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Drawing | None:
    """One to four targets and some distractors over a moving background."""
    bodies: list[Body] = []
    for index in range(rng.choice([1, 2, 2, 3, 3, 4]) + rng.choice([0, 0, 1])):
        rgba = texture(stills, rng, nprng)
        if rgba is None:
            continue
        bodies.append(body(rgba, nprng, steps, 0.9 if index == 0 else 0.6))
        if rng.random() < 0.2:  # a twin that must not be taken for the target
            bodies.append(body(rgba, nprng, steps, 0.6))
    if not bodies:
        return None
    if steps > 2 and rng.random() < 0.6:
        hide(bodies, nprng, steps)
    rng.shuffle(bodies)
    return drawn(bodies, moving_background(stills.background(rng), nprng, steps, size))


def hide(bodies: list[Body], rng: np.random.Generator, steps: int) -> None:
    """Some are gone for a while, some leave for good; others then stand where they stood."""
    for thing in bodies:
        kind = rng.random()
        if kind < 0.45:
            continue
        first = int(rng.integers(1, max(2, steps - 1)))
        if kind < 0.65:
            way = rng.normal(0, 1, 2)
            pace = way / np.linalg.norm(way) * rng.uniform(0.08, 0.5)
            thing.centres[first:] += np.outer(np.arange(1, steps - first + 1), pace).astype(np.float32)
            continue
        for t in range(first, min(steps, first + int(rng.integers(1, max(2, steps - 1))))):
            thing.centres[t] += np.float32(GONE)


def together(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Drawing | None:
    """Some of one kind, perhaps with something else about."""
    bodies = group(stills, rng, nprng, steps)
    if rng.random() < 0.3 and (other := texture(stills, rng, nprng)) is not None:
        bodies.insert(rng.randrange(len(bodies) + 1), body(other, nprng, steps, 0.5))
    return drawn(bodies, moving_background(stills.background(rng), nprng, steps, size))


def traffic(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Drawing | None:
    """Small things of much the same look that go the same way before a camera that stands still, and out of sight."""
    kinds = [rgba for _ in range(rng.choice([1, 1, 2])) if (rgba := texture(stills, rng, nprng)) is not None]
    if not kinds:
        return None
    largest = nprng.uniform(0.08, 0.35)
    way, swelling = nprng.normal(0, nprng.choice([0.01, 0.03, 0.06]), 2), nprng.normal(0, 0.04)
    bodies = []
    for _ in range(rng.randint(3, 7)):
        thing = body(rng.choice(kinds), nprng, steps, largest)
        pace = way * nprng.uniform(0.6, 1.4)
        ahead = np.arange(steps) - nprng.uniform(0, steps)
        still = nprng.uniform(0.1, 0.9, 2)
        thing.centres = (still + np.outer(ahead, pace)).astype(np.float32)
        thing.sizes = (largest * nprng.uniform(0.4, 1) * np.exp(swelling * ahead)).clip(0.03, 2).astype(np.float32)
        thing.angles = np.full(steps, nprng.normal(0, 4), np.float32)
        thing.bend *= np.float32(0.2)
        thing.gains = thing.gains * np.float32(nprng.uniform(0.6, 1.2))
        bodies.append(thing)
    bodies.sort(key=lambda thing: float(thing.centres[0, 1]))  # the lower ones stand nearer
    back = moving_background(stills.background(rng), nprng, 1, size)[0]
    return drawn(bodies, [back] * steps)


def drawn(bodies: list[Body], backgrounds: list[Image]) -> Drawing:
    """The bodies over the backgrounds, later ones before earlier ones."""
    frames, visible = [], []
    for t, back in enumerate(backgrounds):
        canvas, size = back.astype(np.float32) / 255, len(back)
        masks: list[NDArray[np.bool_]] = []
        for thing in bodies:
            part = draw(thing, t, size)
            if part is None:
                masks.append(np.zeros((size, size), np.bool_))
                continue
            if thing.casts_shadow:
                shadow(canvas, part)
            part.over(canvas)
            part.hide(masks)
            masks.append(part.mask(size))
        frames.append((canvas * 255).clip(0, 255).astype(np.uint8))
        visible.append(np.stack(masks))
    return np.stack(frames), np.stack(visible)


def rendered(_stills: Stills, rng: random.Random, _nprng: np.random.Generator, steps: int, size: int) -> Drawing:
    """The package's own synthetic scene, with seeds that nothing else uses, at the pace of a live camera."""
    width, height = rng.choice([(480, 270), (480, 360), (360, 360)])
    scene = Scene(
        SceneSettings(
            seed=rng.randrange(FIRST_SCENE_SEED, 1 << 30),
            objects=rng.randint(1, 5),
            width=width,
            height=height,
            leave=rng.random() < 0.5,
        )
    )
    first, stride = rng.randrange(600), rng.choice([1, 2, 3, 6, 10])
    frames, visible = [], []
    for t in range(steps):
        image, truth = scene.draw(first + stride * t)
        frames.append(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA))
        visible.append(
            [cv2.resize(m.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST) > 0 for m in truth.values()]
        )
    return np.stack(frames), np.array(visible)


KINDS: dict[Kind, float] = {composite: 0.14, together: 0.36, in_place: 0.26, traffic: 0.1, rendered: 0.14}
STILL_KINDS: dict[Kind, float] = {whole: 0.6, composite: 0.15, together: 0.1, in_place: 0.1, rendered: 0.05}


def make(stills: Stills, seed: int, steps: int, targets: int, size: int) -> Clip:
    """The clip of this seed: `targets` objects that can be seen on the first frame, repeated where there are fewer."""
    rng, nprng = random.Random(seed), np.random.default_rng(seed)
    for _ in range(50):
        kinds = KINDS if steps > 1 else STILL_KINDS
        (kind,) = rng.choices(list(kinds), list(kinds.values()))
        windowed = rng.random() < FOLLOWED or kind is whole
        drawing = kind(stills, rng, nprng, steps, round(CANVAS * size) if windowed else size)
        if drawing is not None and windowed:
            drawing = (followed if steps > 1 else clicked)(*drawing, rng, nprng, size)
        if drawing is None:
            continue
        frames, masks = drawing
        seen = [k for k in range(masks.shape[1]) if masks[0, k].sum() > MIN_AREA]
        if seen:
            rng.shuffle(seen)
            if kind is not rendered or rng.random() < 0.3:
                frames = photographed(frames, nprng)
            return Clip(frames, masks[:, (seen * targets)[:targets]])
    raise ValueError("50 clips in a row showed nothing to point at: are the masks empty?")
