"""Training clips made from stills: cut-outs that move, bend, hide each other, leave and return."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.search_window import SearchWindow, size_after
from streamer.masks import box_of
from streamer.video.scene import Scene, SceneSettings

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]

MIN_AREA = 30  # pixels of the model's square below which nothing can be pointed at
ENOUGH = 320  # pixels of texture across something as wide as the picture
FOLLOWED = 0.7  # of the clips are seen through a window that follows one object, as the tracker's does
FIRST_SCENE_SEED = 10_000  # the demo, the tests and the evaluation stay below


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """`frames` T x S x S x 3; `masks` T x K x S x S, what is visible of each of K targets (a target may repeat)."""

    frames: Image
    masks: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stills:
    """Where the pictures lie: backgrounds without masks, and pictures with instance masks of the same stem."""

    backgrounds: tuple[Path, ...]
    pictures: tuple[Path, ...]
    masks: Path

    @classmethod
    def under(cls, root: Path) -> Stills:
        """The layout of the team's data folder; raises FileNotFoundError naming what is missing."""
        backgrounds = tuple(sorted((root / "train-frames").glob("*.jpg")))
        pictures = tuple(sorted((root / "train-objects" / "images").glob("*.jpg")))
        for name, found in (("train-frames", backgrounds), ("train-objects/images", pictures)):
            if not found:
                raise FileNotFoundError(f"{root / name}: no .jpg pictures there to train on")
        return cls(backgrounds, pictures, root / "train-objects" / "masks")

    def background(self, rng: random.Random) -> Image:
        return read(rng.choice(self.backgrounds if rng.random() < 0.75 else self.pictures))

    def picture(self, rng: random.Random) -> tuple[Image, NDArray[np.uint8]]:
        path = rng.choice(self.pictures)
        mask = cv2.imread(str(self.masks / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        if mask is None:
            raise ValueError(f"{self.masks / path.stem}.png: cannot be read as a mask")
        return read(path), mask if mask.ndim == 2 else mask[..., 0]


def read(path: Path) -> Image:
    """An RGB picture; raises ValueError naming the file."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path}: cannot be read as a picture")
    return np.ascontiguousarray(image[..., ::-1])


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
    is_target: bool = True
    casts_shadow: bool = False
    hidden: set[int] = field(default_factory=set)


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


def cutout(stills: Stills, rng: random.Random) -> Plane | None:
    """A photographed thing with soft edges, cropped to its box; None where the picture has none worth cutting."""
    image, ids = stills.picture(rng)
    numbers, counts = np.unique(ids[ids > 0], return_counts=True)
    worth = [int(n) for n, c in zip(numbers, counts, strict=True) if c > 0.008 * ids.size]
    if not worth:
        return None
    mask = (ids == rng.choice(worth)).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(mask)
    alpha = cv2.GaussianBlur(cv2.erode(mask, np.ones((2, 2), np.uint8)).astype(np.float32), (0, 0), 0.7)
    rgba = np.dstack((image.astype(np.float32) / 255, alpha))[y : y + h, x : x + w]
    if rng.random() < 0.5:
        rgba = rgba[:, ::-1]
    return premultiplied(rgba)


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
    if kind < 0.58:
        return cutout(stills, rng)
    return region(stills, rng, nprng) if kind < 0.75 else blob(stills, rng, nprng)


def crop(image: Image, rng: np.random.Generator, side: int) -> Image:
    h, w = image.shape[:2]
    size = int(rng.uniform(0.3, 0.9) * min(h, w))
    y, x = rng.integers(0, h - size + 1), rng.integers(0, w - size + 1)
    return cv2.resize(image[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA)


def moving_background(image: Image, rng: np.random.Generator, steps: int, size: int) -> list[Image]:
    """A window over the picture that pans, zooms and shakes."""
    h, w = image.shape[:2]
    zoom = rng.uniform(0.45, 0.95) * np.exp(wander(rng, steps, 1, 0.01)[:, 0])
    pan = rng.uniform(-0.5, 0.5, 2) + wander(rng, steps, 2, rng.choice([0.0, 0.02, 0.08]))
    shake = rng.normal(0, rng.choice([0, 0, 2.0]), (steps, 2))
    angles = wander(rng, steps, 1, rng.choice([0, 0.7]))[:, 0]
    frames = []
    for t in range(steps):
        scale = np.array([size / (w * zoom[t]), size / (h * zoom[t])])
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), float(angles[t]), 1.0)
        matrix = np.diag(scale) @ turn
        matrix[:, 2] += size / 2 - scale * np.array([w, h]) / 2 + pan[t] * size * (1 / zoom[t] - 1) * 0.9 + shake[t]
        frames.append(cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101))
    return frames


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


def draw(thing: Body, t: int, size: int) -> Plane:
    """The body's premultiplied RGBA at frame t on the whole square."""
    h, w = thing.rgba.shape[:2]
    offset = cv2.resize(np.tensordot(thing.bend_phase[t], thing.bend, 1), (w, h), interpolation=cv2.INTER_CUBIC)
    grid = np.stack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)), -1)
    bent = cv2.remap(thing.rgba, grid + offset * np.float32((w, h)), None, cv2.INTER_LINEAR)
    scale = float(thing.sizes[t]) * size / max(h, w)
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), float(thing.angles[t]), scale)
    matrix[0] *= thing.stretch
    centre = matrix @ np.array([w / 2, h / 2, 1.0])
    matrix[:, 2] += thing.centres[t] * size - centre
    rgba = cv2.warpAffine(bent, matrix, (size, size), flags=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
    rgba[..., :3] = np.minimum(rgba[..., :3] * thing.gains[t], rgba[..., 3:])
    return rgba


def shadow(canvas: Plane, alpha: Plane, size: int) -> Plane:
    moved = cv2.warpAffine(alpha, np.float32([[1, 0.15, 0.02 * size], [0, 0.6, 0.4 * size * 0.6]]), (size, size))
    return canvas * (1 - 0.45 * cv2.GaussianBlur(moved, (0, 0), 3))[..., None]


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
            thing.centres[t] += 3.0


def blur_direction(rng: np.random.Generator) -> Plane:
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0)
    return kernel / kernel.sum()


def camera(frames: list[Plane], rng: np.random.Generator) -> Image:
    """What a cheap camera does to a picture: light, colour, blur, noise, compression."""
    tint = rng.uniform(0.75, 1.25, 3) if rng.random() < 0.6 else np.ones(3)
    light = 1 + wander(rng, len(frames), 1, rng.choice([0, 0.03]))[:, 0].clip(-0.4, 0.4)
    gamma, noise = rng.uniform(0.75, 1.3), rng.choice([0, 0, 3.0, 7.0])
    kernel = blur_direction(rng) if rng.random() < 0.15 else None
    soften = rng.random() < 0.2
    quality = int(rng.integers(30, 90)) if rng.random() < 0.4 else 0
    out = []
    for t, frame in enumerate(frames):
        image = np.clip(frame * tint * light[t], 0, 1) ** gamma * 255
        if kernel is not None:
            image = cv2.filter2D(image, -1, kernel)
        if soften:
            image = cv2.GaussianBlur(image, (0, 0), 1.0)
        if noise:
            image = image + rng.normal(0, noise, image.shape)
        byte = np.clip(image, 0, 255).astype(np.uint8)
        if quality:
            byte = cv2.imdecode(cv2.imencode(".jpg", byte, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
        out.append(byte)
    return np.stack(out)


def composite(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Clip | None:
    """One to four targets and some distractors over a moving background."""
    bodies: list[Body] = []
    for index in range(rng.choice([1, 2, 2, 3, 3, 4]) + rng.choice([0, 0, 1])):
        rgba = texture(stills, rng, nprng)
        if rgba is None:
            continue
        bodies.append(body(rgba, nprng, steps, 0.9 if index == 0 else 0.6))
        if rng.random() < 0.25:  # a twin that must not be taken for the target
            bodies.append(body(rgba, nprng, steps, 0.6))
    if not bodies:
        return None
    if steps > 2 and rng.random() < 0.6:
        hide(bodies, nprng, steps)
    rng.shuffle(bodies)
    return drawn(bodies, moving_background(stills.background(rng), nprng, steps, size), nprng)


def traffic(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Clip | None:
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
        thing.sizes = (largest * nprng.uniform(0.4, 1) * np.exp(swelling * ahead)).astype(np.float32)
        thing.angles = np.full(steps, nprng.normal(0, 4), np.float32)
        thing.bend *= np.float32(0.2)
        thing.gains = thing.gains * np.float32(nprng.uniform(0.6, 1.2))
        bodies.append(thing)
    bodies.sort(key=lambda thing: float(thing.centres[0, 1]))  # the lower ones stand nearer
    back = moving_background(stills.background(rng), nprng, 1, size)[0]
    return drawn(bodies, [back] * steps, nprng)


def drawn(bodies: list[Body], backgrounds: list[Image], rng: np.random.Generator) -> Clip:
    """The bodies over the backgrounds, later ones before earlier ones, through a cheap camera."""
    frames, visible = [], []
    for t, back in enumerate(backgrounds):
        canvas = back.astype(np.float32) / 255
        alphas: list[Plane] = []
        for thing in bodies:
            rgba = draw(thing, t, len(back))
            if thing.casts_shadow:
                canvas = shadow(canvas, rgba[..., 3], len(back))
            canvas = canvas * (1 - rgba[..., 3:]) + rgba[..., :3]
            alphas = [alpha * (1 - rgba[..., 3]) for alpha in alphas] + [rgba[..., 3]]
        frames.append(canvas)
        visible.append(np.stack(alphas) > 0.5)
    return Clip(camera(frames, rng), np.stack(visible))


def rendered(_stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Clip:
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
    images = np.stack(frames)
    if rng.random() < 0.3:
        images = camera([frame.astype(np.float32) / 255 for frame in images], nprng)
    return Clip(images, np.array(visible))


def in_place(stills: Stills, rng: random.Random, nprng: np.random.Generator, steps: int, size: int) -> Clip | None:
    """A photograph with its own objects where they stand, seen by a moving camera and bent a little."""
    image, ids = stills.picture(rng)
    h, w = ids.shape
    numbers = [int(n) for n in np.unique(ids) if n > 0][:12]
    focus = ids == rng.choice(numbers) if numbers else ids > 0
    x, y, bw, bh = cv2.boundingRect(focus.astype(np.uint8))
    ww = min(w, max(bw, bh) * nprng.uniform(0.7, 2.2) * nprng.uniform(0.7, 1.3))
    wh = min(h, max(bw, bh) * nprng.uniform(0.7, 2.2))
    cx = np.clip(x + bw * nprng.uniform(0.2, 0.8), ww / 2, max(ww / 2, w - ww / 2))
    cy = np.clip(y + bh * nprng.uniform(0.2, 0.8), wh / 2, max(wh / 2, h - wh / 2))
    moves = wander(nprng, steps, 2, nprng.choice([0.01, 0.03, 0.06]))
    zooms = np.exp(wander(nprng, steps, 1, 0.03)[:, 0]) * approach(nprng, steps)
    angles = wander(nprng, steps, 1, nprng.choice([0.5, 3.0]))[:, 0]
    bend = nprng.normal(0, nprng.choice([0.004, 0.012, 0.022]), (2, 6, 6, 2)).astype(np.float32)
    phase = np.sin(nprng.uniform(0, 6.28, 2) + np.outer(np.arange(steps), nprng.uniform(0.1, 1.1, 2)))
    mirror = rng.random() < 0.5
    unit = (np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32) + 0.5) / size - 0.5
    frames, visible = [], []
    for t in range(steps):
        offset = cv2.resize(
            np.tensordot(phase[t].astype(np.float32), bend, 1), (size, size), interpolation=cv2.INTER_CUBIC
        )
        a = np.deg2rad(angles[t])
        turn = np.float32([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        at = (unit + offset + moves[t]) @ turn.T * zooms[t] * np.float32([ww, wh]) + np.float32([cx, cy])
        at = (at[:, ::-1] if mirror else at).astype(np.float32)
        frames.append(cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) / np.float32(255))
        moved = cv2.remap(ids, at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
        visible.append(np.stack([moved == n for n in numbers] or [moved > 0]))
    return Clip(camera(frames, nprng), np.stack(visible))


def followed(clip: Clip, rng: random.Random, size: int) -> Clip | None:
    """What a window shows that follows one of the clip's objects by where it was a frame before."""
    seen = [k for k in range(clip.masks.shape[1]) if clip.masks[0, k].sum() > MIN_AREA]
    if not seen:
        return None
    target = rng.choice(seen)
    height, width = clip.frames.shape[1:3]
    box = box_of(clip.masks[0, target])
    assert box is not None
    focus, length = SearchWindow.on(box, rng.uniform(1.5, 3.0)), size_after(None, box)
    frames, visible = [], []
    for image, masks in zip(clip.frames, clip.masks, strict=True):
        x, y, w, h = focus.window(height, width)
        frames.append(cv2.resize(image[y : y + h, x : x + w], (size, size), interpolation=cv2.INTER_LINEAR))
        parts = masks[:, y : y + h, x : x + w].astype(np.uint8)
        visible.append([cv2.resize(part, (size, size), interpolation=cv2.INTER_NEAREST) > 0 for part in parts])
        box = box_of(masks[target])
        if box is None:
            focus.widen(height, width)
        else:
            length = size_after(length, box)
            focus.follow(box, length)
    return Clip(np.stack(frames), np.array(visible))


def make(stills: Stills, seed: int, steps: int, targets: int, size: int) -> Clip:
    """The clip of this seed: `targets` objects that can be seen on the first frame, repeated where there are fewer."""
    rng, nprng = random.Random(seed), np.random.default_rng(seed)
    for _ in range(50):
        through_window = rng.random() < FOLLOWED
        weights = (0.36, 0.26, 0.22, 0.16) if through_window else (0.38, 0.32, 0.1, 0.2)
        (kind,) = rng.choices((composite, in_place, traffic, rendered), weights)
        clip: Clip | None = kind(stills, rng, nprng, steps, 2 * size if through_window else size)
        if clip is not None and through_window:
            clip = followed(clip, rng, size)
        if clip is None:
            continue
        seen = [k for k in range(clip.masks.shape[1]) if clip.masks[0, k].sum() > MIN_AREA]
        if seen:
            rng.shuffle(seen)
            chosen = (seen * targets)[:targets]
            return Clip(clip.frames, clip.masks[:, chosen])
    raise ValueError("50 clips in a row showed nothing to point at: are the masks empty?")
