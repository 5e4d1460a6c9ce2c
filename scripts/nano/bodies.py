"""Things that move through a made clip: what they look like, how they go, and how they are drawn."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.stills import Image, Instance, Plane, Stills

ENOUGH = 320  # pixels of texture across something as wide as the picture
GONE = 3.0  # squares away: out of sight


@dataclass(slots=True, eq=False)
class Body:
    """One moving thing: a premultiplied RGBA texture and how it goes through the clip."""

    rgba: Plane  # h x w x 4, 0 to 1
    centres: Plane  # T x 2, fractions of the square
    sizes: Plane  # T, longer side as a fraction of the square
    stretch: float  # width over height against nature: a wide picture squeezed into a square is 0.56
    angles: Plane  # T, degrees
    gains: Plane  # T, brightness
    bend: Plane  # 2 x 5 x 5 x 2, two modes of bending in fractions of the body
    bend_phase: Plane  # T x 2
    casts_shadow: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A body at one frame: premultiplied RGBA and where its upper left corner lies on the canvas."""

    x: int
    y: int
    rgba: Plane

    def over(self, canvas: Plane) -> None:
        """Put it on the canvas."""
        h, w = self.rgba.shape[:2]
        part = canvas[self.y : self.y + h, self.x : self.x + w]
        part *= 1 - self.rgba[..., 3:]
        part += self.rgba[..., :3]

    def hide(self, masks: list[NDArray[np.bool_]]) -> None:
        """Take what it covers from masks of what lies behind it."""
        h, w = self.rgba.shape[:2]
        free = self.rgba[..., 3] < 0.5
        for mask in masks:
            mask[self.y : self.y + h, self.x : self.x + w] &= free

    def mask(self, size: int) -> NDArray[np.bool_]:
        h, w = self.rgba.shape[:2]
        whole = np.zeros((size, size), np.bool_)
        whole[self.y : self.y + h, self.x : self.x + w] = self.rgba[..., 3] > 0.5
        return whole


def wander(rng: np.random.Generator, steps: int, dims: int, speed: float) -> Plane:
    """A smooth random path from 0: velocity with inertia."""
    velocity = rng.normal(0, speed, dims)
    path = np.zeros((steps, dims), np.float32)
    for t in range(1, steps):
        velocity = 0.8 * velocity + rng.normal(0, 0.6 * speed, dims)
        path[t] = path[t - 1] + velocity
    return path


def approach(rng: np.random.Generator, steps: int) -> Plane:
    """How a thing grows or shrinks that comes nearer or goes away; often not at all."""
    return np.exp(rng.normal(0, rng.choice([0.0, 0.03, 0.12])) * np.arange(steps)).clip(0.15, 4).astype(np.float32)


def body(rgba: Plane, rng: np.random.Generator, steps: int, largest: float) -> Body:
    """A texture with a random life over `steps` frames."""
    speed = rng.choice([0.004, 0.02, 0.05])
    size = largest * np.exp(-rng.uniform(0, 1.8)) * np.exp(wander(rng, steps, 1, 0.02)[:, 0])
    size = size * approach(rng, steps)
    enough = size.max() * ENOUGH / max(rgba.shape)
    if enough < 1:
        rgba = cv2.resize(rgba, None, fx=enough, fy=enough, interpolation=cv2.INTER_AREA)
    phase = rng.uniform(0, 6.28, 2) + np.outer(np.arange(steps), rng.uniform(0.1, 1.1, 2))
    return Body(
        rgba=rgba,
        centres=(rng.uniform(0.15, 0.85, 2) + wander(rng, steps, 2, speed)).astype(np.float32),
        sizes=size.astype(np.float32),
        stretch=float(rng.uniform(0.5, 1.15)),
        angles=(rng.normal(0, 12) + wander(rng, steps, 1, rng.choice([0.5, 4.0]))[:, 0]).astype(np.float32),
        gains=(1 + wander(rng, steps, 1, 0.02)[:, 0]).clip(0.6, 1.5).astype(np.float32),
        bend=rng.normal(0, rng.choice([0.01, 0.035, 0.06]), (2, 5, 5, 2)).astype(np.float32),
        bend_phase=np.sin(phase).astype(np.float32),
        casts_shadow=bool(rng.random() < 0.3),
    )


def draw(thing: Body, t: int, size: int) -> Drawn | None:
    """The body at frame t, as far as the square shows it; None where it is out of sight."""
    h, w = thing.rgba.shape[:2]
    scale = float(thing.sizes[t]) * size / max(h, w)
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), float(thing.angles[t]), scale)
    matrix[0] *= thing.stretch
    matrix[:, 2] += thing.centres[t] * size - matrix @ np.array([w / 2, h / 2, 1.0])
    corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]) @ matrix.T
    x0, y0 = np.floor(corners.min(0)).clip(0, size).astype(int)
    x1, y1 = np.ceil(corners.max(0)).clip(0, size).astype(int)
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    matrix[:, 2] -= (x0, y0)
    way = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    rgba = cv2.warpAffine(bent(thing, t), matrix, (int(x1 - x0), int(y1 - y0)), flags=way)
    rgba[..., :3] = np.minimum(rgba[..., :3] * thing.gains[t], rgba[..., 3:])
    return Drawn(int(x0), int(y0), rgba)


def bent(thing: Body, t: int) -> Plane:
    h, w = thing.rgba.shape[:2]
    offset = cv2.resize(np.tensordot(thing.bend_phase[t], thing.bend, 1), (w, h), interpolation=cv2.INTER_CUBIC)
    x = np.arange(w, dtype=np.float32) + offset[..., 0] * np.float32(w)
    y = np.arange(h, dtype=np.float32)[:, None] + offset[..., 1] * np.float32(h)
    return cv2.remap(thing.rgba, x, y, cv2.INTER_LINEAR)


def shadow(canvas: Plane, drawn: Drawn) -> None:
    """Darken the ground a little to the lower right of a body."""
    h, w = drawn.rgba.shape[:2]
    fallen = cv2.warpAffine(drawn.rgba[..., 3], np.float32([[1, 0.15, 0.03 * w], [0, 0.6, 0.4 * h]]), (w, h))
    part = canvas[drawn.y : drawn.y + h, drawn.x : drawn.x + w]
    part *= (1 - 0.45 * cv2.GaussianBlur(fallen, (0, 0), 3))[..., None]


def cut(instance: Instance, rng: random.Random) -> Plane:
    """A photographed thing with soft edges, cropped to its box, sometimes mirrored."""
    image, ids = instance.picture.read()
    mask = (ids == instance.number).astype(np.uint8)
    if not mask.any():
        raise ValueError(f"{instance.picture.mask}: no pixel has the id {instance.number} that instances.csv names")
    x, y, w, h = cv2.boundingRect(mask)
    alpha = cv2.GaussianBlur(cv2.erode(mask, np.ones((2, 2), np.uint8)).astype(np.float32), (0, 0), 0.7)
    rgba = np.dstack((image.astype(np.float32) / 255, alpha))[y : y + h, x : x + w]
    return premultiplied(rgba[:, ::-1] if rng.random() < 0.5 else rgba)


def cutout(stills: Stills, rng: random.Random) -> Plane:
    """Any photographed thing."""
    (instance,) = stills.instances(rng, stills.kind(rng), 1)
    return cut(instance, rng)


def premultiplied(rgba: NDArray[np.floating]) -> Plane:
    return np.dstack((rgba[..., :3] * rgba[..., 3:], rgba[..., 3])).astype(np.float32)


def outline(rng: np.random.Generator, side: int) -> Plane:
    """The alpha of a random blob, ellipse, polygon or star."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    kind = rng.integers(4)
    if kind == 0:
        modes = sum(rng.normal(0, 0.22 / k) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in range(2, 7))
        radius = 1 + np.asarray(modes)
    elif kind == 1:
        radius = np.ones_like(angle)
    elif kind == 2:
        radius = 1 / np.cos((angle % (2 * np.pi / (n := rng.integers(3, 7)))) - np.pi / n)
    else:
        radius = 1 + 0.35 * np.sign(np.cos(rng.integers(4, 8) * angle))
    radius = np.clip(radius, 0.25, 2)
    xy = np.stack((np.cos(angle), np.sin(angle) * rng.uniform(0.5, 1)), 1) * (radius / radius.max())[:, None]
    alpha = np.zeros((side, side), np.float32)
    cv2.fillPoly(alpha, [np.round((xy * 0.48 + 0.5) * side).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(alpha, (0, 0), 0.8)


def blob(stills: Stills, rng: random.Random, nprng: np.random.Generator) -> Plane:
    """A random outline filled with a piece of a picture or a plain, shaded colour."""
    side = 160
    alpha = outline(nprng, side)
    if rng.random() < 0.7:
        surface = crop(stills.background(rng), nprng, side).astype(np.float32) / 255
    else:
        shade = np.linspace(nprng.uniform(0.5, 1), nprng.uniform(0.5, 1), side)[:, None, None]
        surface = (np.ones((side, side, 3)) * nprng.uniform(0, 1, 3) * shade).astype(np.float32)
    return premultiplied(np.dstack((np.clip(surface * nprng.uniform(0.6, 1.3, 3), 0, 1), alpha)))


def region(stills: Stills, rng: random.Random, nprng: np.random.Generator) -> Plane | None:
    """What flows together in a piece of a picture: a natural outline with its own texture; None where nothing does."""
    side = 160
    piece = crop(stills.background(rng), nprng, side)
    mask = np.zeros((side + 2, side + 2), np.uint8)
    seed = (int(nprng.integers(30, side - 30)), int(nprng.integers(30, side - 30)))
    reach = (float(nprng.uniform(2, 7)),) * 3
    cv2.floodFill(cv2.medianBlur(piece, 7), mask, seed, 0, reach, reach, 8 | cv2.FLOODFILL_MASK_ONLY)
    flowed = cv2.morphologyEx(mask[1:-1, 1:-1], cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    flowed = cv2.morphologyEx(flowed, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(flowed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    outer = max(contours, key=cv2.contourArea)
    if not 0.05 < cv2.contourArea(outer) / side**2 < 0.7:
        return None
    alpha = np.zeros((side, side), np.float32)
    cv2.fillPoly(alpha, [outer], 1.0)
    x, y, w, h = cv2.boundingRect(outer)
    rgba = np.dstack((piece.astype(np.float32) / 255, cv2.GaussianBlur(alpha, (0, 0), 0.8)))
    return premultiplied(rgba[y : y + h, x : x + w])


def texture(stills: Stills, rng: random.Random, nprng: np.random.Generator) -> Plane | None:
    """Something to see: a photographed thing, a piece of a picture, or a blob."""
    kind = rng.random()
    if kind < 0.7:
        return cutout(stills, rng)
    return region(stills, rng, nprng) if kind < 0.82 else blob(stills, rng, nprng)


def crop(image: Image, rng: np.random.Generator, side: int) -> Image:
    h, w = image.shape[:2]
    size = int(rng.uniform(0.3, 0.9) * min(h, w))
    y, x = rng.integers(0, h - size + 1), rng.integers(0, w - size + 1)
    return cv2.resize(image[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA)
