"""Several of one kind that meet, pass in front of each other, go together, leave, and come back elsewhere."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from nano.bodies import GONE, Body, body, cut, texture, wander
from nano.stills import Plane, Stills

ABSENT = 0.7  # how often one of a group leaves or is hidden
TWIN = 0.12  # how often one of a pair is the same photograph again: then its place alone tells it apart


def of_one_kind(stills: Stills, rng: random.Random, count: int) -> list[Plane]:
    """Different photographs of one kind, now and then one of them twice."""
    textures = [cut(one, rng) for one in stills.instances(rng, stills.kind(rng, at_least=2), count)]
    if rng.random() < TWIN:
        textures[-1] = textures[0][:, ::-1] if rng.random() < 0.5 else textures[0]
    return textures


def group(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int) -> list[Body]:
    """Two to four of one kind with a life together, and what hides one of them; the last one stands nearest."""
    textures = of_one_kind(stills, rng, rng.choice([2, 2, 3, 4]))
    largest, stretch = nprng.uniform(0.15, 0.5), float(nprng.uniform(0.5, 1.15))
    bodies = [body(rgba, nprng, steps, largest) for rgba in textures]
    for one in bodies:
        wobble = np.exp(wander(nprng, steps, 1, 0.015)[:, 0])
        one.sizes = (largest * nprng.uniform(0.75, 1.2) * wobble).astype(np.float32)
        one.stretch, one.angles = stretch, (one.angles * np.float32(0.5)).astype(np.float32)
    way = rng.choice((meet, meet, go_together))
    way(bodies, nprng, steps, largest)
    rng.shuffle(bodies)
    if steps >= 6 and rng.random() < ABSENT:
        return be_absent(stills, bodies, rng, nprng, steps)
    return bodies


def meet(bodies: Sequence[Body], rng: np.random.Generator, steps: int, largest: float) -> None:
    """They come from different sides and pass the same place at about the same time."""
    place, angle = rng.uniform(0.35, 0.65, 2), rng.uniform(0, 2 * np.pi)
    for number, one in enumerate(bodies):
        heading = angle + np.pi * number + rng.normal(0, 0.5)
        pace = largest * rng.choice([0.08, 0.2, 0.4]) * np.array([np.cos(heading), 0.5 * np.sin(heading)])
        moment = steps * rng.uniform(0.25, 0.75)
        beside = rng.normal(0, 0.12 * largest, 2) + (0 if number < 2 else rng.normal(0, largest, 2))
        straight = place + beside + np.outer(np.arange(steps) - moment, pace)
        one.centres = (straight + wander(rng, steps, 2, 0.004)).astype(np.float32)


def go_together(bodies: Sequence[Body], rng: np.random.Generator, steps: int, largest: float) -> None:
    """They move as one: a group, a rider and what is ridden."""
    way = rng.uniform(0.3, 0.7, 2) + wander(rng, steps, 2, rng.choice([0.005, 0.03]))
    for one in bodies:
        beside = rng.uniform(-0.7, 0.7, 2) * largest * np.array([1, 0.4])
        one.centres = (way + beside + wander(rng, steps, 2, 0.006)).astype(np.float32)


def be_absent(
    stills: Stills, bodies: list[Body], rng: random.Random, nprng: np.random.Generator, steps: int
) -> list[Body]:
    """One of them is out of sight for some frames and then stands elsewhere; some are hidden by what passes."""
    one = rng.choice(bodies)
    first = rng.randint(2, max(2, steps // 2))
    last = min(steps, first + rng.randint(2, max(2, steps - first)))
    elsewhere = nprng.uniform(-0.35, 0.35, 2).astype(np.float32)
    hider = texture(stills, rng, nprng) if rng.random() < 0.5 else None
    if hider is None:
        leave(one, first, last, nprng)
        one.centres[last:] += elsewhere
        return bodies
    cover = body(hider, nprng, steps, 0.5)
    cover.sizes = one.sizes * np.float32(nprng.uniform(1.1, 1.8))
    cover.stretch = one.stretch
    cover.centres = one.centres + np.float32(GONE)
    cover.centres[first:last] = one.centres[first:last] + wander(nprng, last - first, 2, 0.01)
    one.centres[last:] += elsewhere * np.float32(rng.choice([0.0, 1.0]))
    return [*bodies, cover]


def leave(one: Body, first: int, last: int, rng: np.random.Generator) -> None:
    """Out over an edge in two frames."""
    heading = rng.uniform(0, 2 * np.pi)
    stride = np.array([np.cos(heading), np.sin(heading)], np.float32) * np.float32(rng.uniform(0.25, 0.6))
    one.centres[first:last] += stride
    one.centres[first + 1 : last] += stride
    one.centres[first + 2 : last] += np.float32(GONE)
