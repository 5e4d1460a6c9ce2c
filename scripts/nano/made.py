"""Made test clips of two of a kind that cross, leave, hide and come back; the same clip for the same number.

From photographs that training keeps aside, or drawn, where there are none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.bodies import GONE, Body, cut, draw, outline, premultiplied
from nano.camera import moving_background
from nano.stills import Image, Plane, Stills
from streamer.video.scene import Scene, SceneSettings

FRAMES = 72
SIZE = 480
SIDE = 0.3  # of the frame: the longer side of one of the pair
DRAWN_SIDE = 200  # pixels of a drawn texture


@dataclass(frozen=True, slots=True, eq=False)
class MadeFrame:
    """One frame: the picture, and the ids 1 and 2 of what can be seen of the pair."""

    image: Image
    ids: NDArray[np.uint8]


Story = Callable[[list[Body], np.random.Generator], list[Body]]  # gives bodies their ways; the last stands nearest


def crossing(pair: list[Body], rng: np.random.Generator) -> list[Body]:
    """They pass each other, turn, and pass again."""
    turn = np.linspace(0, 2 * np.pi, FRAMES)
    height = rng.uniform(0.4, 0.6)
    for sign, one in zip((-1, 1), pair, strict=True):
        x = 0.5 + sign * 0.3 * np.cos(turn)
        y = height + sign * rng.uniform(0.0, 0.04) + 0.02 * np.sin(3 * turn + rng.uniform(0, 6))
        one.centres = np.stack((x, y), 1).astype(np.float32)
    return pair if rng.random() < 0.5 else pair[::-1]


def leaving(pair: list[Body], rng: np.random.Generator) -> list[Body]:
    """One walks out, is away for 20 frames and comes back on the other side; the other stays."""
    one, other = pair if rng.random() < 0.5 else pair[::-1]
    out, back = 18, 38
    away = np.concatenate((np.linspace(0.3, -0.25, out), np.full(back - out, -GONE), np.linspace(1.2, 0.7, 14)))
    x = np.concatenate((away, np.full(FRAMES - len(away), 0.7)))
    one.centres = np.stack((x, np.full(FRAMES, rng.uniform(0.35, 0.65))), 1).astype(np.float32)
    sway = 0.5 + 0.06 * np.sin(np.linspace(0, 4 * np.pi, FRAMES))
    other.centres = np.stack((sway, np.full(FRAMES, rng.uniform(0.4, 0.6))), 1).astype(np.float32)
    return [other, one]


def hiding(pair: list[Body], rng: np.random.Generator) -> list[Body]:
    """One goes behind a wall, where it stays for some 16 frames, and the other passes before the wall."""
    one, other = pair
    y = rng.uniform(0.4, 0.6)
    walk = np.concatenate((np.linspace(0.15, 0.5, 22), np.full(16, 0.5), np.linspace(0.5, 0.85, FRAMES - 38)))
    one.centres = np.stack((walk, np.full(FRAMES, y)), 1).astype(np.float32)
    passing = np.concatenate((np.full(16, 0.85), np.linspace(0.85, 0.15, 40), np.full(FRAMES - 56, 0.15)))
    other.centres = np.stack((passing, np.full(FRAMES, y + 0.08)), 1).astype(np.float32)
    return [one, wall(one, rng), other]


STORIES: tuple[Story, ...] = (crossing, leaving, hiding)


def wall(hidden: Body, rng: np.random.Generator) -> Body:
    """A panel in the middle that is larger than what it hides."""
    surface = _surface(rng, rng.uniform(40, 200, 3))
    alpha = np.ones((*surface.shape[:2], 1), np.float32)
    body = still(premultiplied(np.dstack((surface, alpha))))
    body.sizes = np.full(FRAMES, 1.25 * SIDE, np.float32)
    body.centres = np.tile(np.float32([0.5, hidden.centres[0, 1]]), (FRAMES, 1))
    return body


def still(rgba: Plane) -> Body:
    """A body that does nothing yet."""
    zeros = np.zeros(FRAMES, np.float32)
    return Body(
        rgba=rgba,
        centres=np.full((FRAMES, 2), 0.5, np.float32),
        sizes=zeros + np.float32(SIDE),
        stretch=1.0,
        angles=zeros,
        gains=zeros + 1,
        bend=np.zeros((2, 5, 5, 2), np.float32),
        bend_phase=np.zeros((FRAMES, 2), np.float32),
    )


def walking(rgba: Plane, rng: np.random.Generator) -> Body:
    """A body that sways and bends a little, as what is alive does."""
    body, time = still(rgba), np.arange(FRAMES)
    body.angles = (4 * np.sin(0.25 * time + rng.uniform(0, 6))).astype(np.float32)
    body.bend = rng.normal(0, 0.015, (2, 5, 5, 2)).astype(np.float32)
    body.bend_phase = np.sin(rng.uniform(0, 6, 2) + np.outer(time, rng.uniform(0.1, 0.4, 2))).astype(np.float32)
    return body


def photographed_pair(stills: Stills, rng: random.Random) -> list[Plane]:
    """Two different photographs of one kind."""
    return [cut(one, rng) for one in stills.instances(rng, stills.kind(rng, at_least=2), 2)]


def drawn_pair(rng: np.random.Generator) -> list[Plane]:
    """One outline in two colours that are near each other."""
    alpha, colour = outline(rng, DRAWN_SIDE), rng.uniform(60, 200, 3)
    colours = (colour, np.clip(colour + rng.choice([-45, 45], 3), 20, 235))
    return [premultiplied(np.dstack((_surface(rng, tint), alpha))) for tint in colours]


def made(number: int, stills: Stills | None) -> Iterator[MadeFrame]:
    """The frames of one clip; its story goes round with its number."""
    rng, nprng = random.Random(number), np.random.default_rng(number)
    textures = drawn_pair(nprng) if stills is None else photographed_pair(stills, rng)
    pair = [walking(rgba, nprng) for rgba in textures]
    bodies = STORIES[number % len(STORIES)](pair, nprng)
    for t, back in enumerate(moving_background(_ground(number, stills, rng), nprng, FRAMES, SIZE)):
        yield _frame(back, bodies, pair, t)


def _frame(back: Image, bodies: list[Body], pair: list[Body], t: int) -> MadeFrame:
    canvas, ids = back.astype(np.float32) / 255, np.zeros(back.shape[:2], np.uint8)
    for body in bodies:
        part = draw(body, t, SIZE)
        if part is not None:
            part.over(canvas)
            number = next((n for n, one in enumerate(pair, 1) if one is body), 0)
            ids[part.mask(SIZE)] = number
    return MadeFrame((canvas * 255).clip(0, 255).astype(np.uint8), ids)


def _ground(number: int, stills: Stills | None, rng: random.Random) -> Image:
    if stills is None:
        image, _ = Scene(SceneSettings(seed=number, objects=1, occluder=False, width=640, height=480)).draw(0)
        return image
    return stills.background(rng)


def _surface(rng: np.random.Generator, colour: NDArray[np.float64]) -> Plane:
    """Patches and stripes around a colour, 0 to 1."""
    patches = cv2.resize(
        rng.normal(0, 25, (7, 7, 3)).astype(np.float32), (DRAWN_SIDE,) * 2, interpolation=cv2.INTER_CUBIC
    )
    stripes = 18 * np.sin(np.linspace(0, rng.uniform(10, 40), DRAWN_SIDE))[:, None, None]
    surface: Plane = (np.clip(colour + patches + stripes, 0, 255) / 255).astype(np.float32)
    return surface
