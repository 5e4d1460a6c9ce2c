"""A synthetic scene with ground truth: textured objects that move, turn, cross, hide and return.

Frame `i` depends on the seed and on `i` alone, so every run can be repeated and scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.uris import Address

Image = NDArray[np.uint8]
TEXTURE_SIDE = 192
MAX_OBJECTS = 32
MIN_SIDE, MAX_SIDE = 64, 4096  # pixels; drawing takes some 60 bytes for each
MIN_FPS, MAX_FPS = 0.01, 1000.0
SWITCHES = ("realtime", "occluder", "leave", "shake", "light")


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """`scene:?seed=3&objects=2&size=640x360&fps=30&frames=300&realtime`, and each disturbance on (1) or off (0)."""

    seed: int = 1
    objects: int = 3
    width: int = 640
    height: int = 360
    fps: float = 30.0
    frames: int = 300
    realtime: bool = False
    occluder: bool = True
    leave: bool = False
    shake: bool = True
    light: bool = True

    @classmethod
    def of(cls, address: Address) -> SceneSettings:
        """The settings of a scene's URI; raises UsageError."""
        address.allow("seed", "objects", "size", "fps", "frames", *SWITCHES)
        address.without_target()
        default = cls()
        width, height = address.size("size", (default.width, default.height))
        if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
            raise address.error(
                f"option size={width}x{height} must be from {MIN_SIDE}x{MIN_SIDE} to {MAX_SIDE}x{MAX_SIDE}"
            )
        return cls(
            seed=address.count("seed", default.seed),
            objects=address.count("objects", default.objects, at_least=1, at_most=MAX_OBJECTS),
            width=width,
            height=height,
            fps=address.number("fps", default.fps, at_least=MIN_FPS, at_most=MAX_FPS),
            frames=address.count("frames", default.frames),
            **{name: address.flag(name, default=getattr(default, name)) for name in SWITCHES},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One object: its texture and the parameters of its path through the frame."""

    rgb: Image  # TEXTURE_SIDE square
    alpha: NDArray[np.float32]  # TEXTURE_SIDE square, 0 to 1
    size: float  # fraction of the frame's height
    centre: tuple[float, float]  # fractions
    reach: tuple[float, float]  # fractions it swings to each side
    pace: tuple[float, float]  # swings a second
    phase: tuple[float, float]
    turn: float  # degrees it turns to each side
    swell: float  # how much it grows and shrinks
    leaves: bool = False

    def pose(self, seconds: float, height: int, width: int) -> NDArray[np.float32]:
        """The 2 x 3 matrix from texture to frame."""
        x, y = (
            c + r * np.sin(2 * np.pi * p * seconds + f)
            for c, r, p, f in zip(self.centre, self.reach, self.pace, self.phase, strict=True)
        )
        if self.leaves:  # outside the frame for 1.2 of every 6 seconds
            x += 2.2 * max(0.0, np.sin(2 * np.pi * seconds / 6 - 0.6) - 0.55)
        scale = self.size * height / TEXTURE_SIDE * (1 + self.swell * np.sin(1.7 * seconds + self.phase[1]))
        angle = self.turn * np.sin(1.1 * seconds + self.phase[0])
        matrix = cv2.getRotationMatrix2D((TEXTURE_SIDE / 2, TEXTURE_SIDE / 2), angle, scale)
        matrix[:, 2] += np.array([x * width, y * height]) - TEXTURE_SIDE / 2
        return matrix.astype(np.float32)


class Scene:
    """Draws any frame of a scene, and says where each object is in it."""

    def __init__(self, settings: SceneSettings) -> None:
        self.settings = settings
        rng = np.random.default_rng(settings.seed)
        self._background = _background(rng, settings.height, settings.width)
        self._shapes = [_shape(rng, index, settings) for index in range(settings.objects)]
        self._post = _texture(rng, (120, 100, 80), cells=14) if settings.occluder else None
        self._shake = rng.uniform(0, 2 * np.pi, 4)

    def draw(self, index: int) -> tuple[Image, dict[int, NDArray[np.bool_]]]:
        """Frame `index`: H x W x 3 RGB, and what can be seen of each object (ids from 1), H x W."""
        settings = self.settings
        seconds = index / settings.fps
        offset = self._offset(seconds)
        canvas = self._backdrop(offset)
        labels = np.zeros((settings.height, settings.width), np.uint8)
        for number, shape in enumerate(self._shapes, 1):
            _paste(canvas, labels, shape, shape.pose(seconds, settings.height, settings.width), offset, number)
        if self._post is not None:
            self._draw_post(canvas, labels, seconds, offset)
        if settings.light:
            gain = 1 + 0.18 * np.sin(0.9 * seconds + self._shake[0])
            canvas = cv2.convertScaleAbs(canvas, alpha=float(gain))
        return canvas, {number: labels == number for number in range(1, len(self._shapes) + 1)}

    def truth(self, index: int) -> dict[int, NDArray[np.bool_]]:
        """The true masks of frame `index` by object id."""
        return self.draw(index)[1]

    def _offset(self, seconds: float) -> NDArray[np.float32]:
        if not self.settings.shake:
            return np.zeros(2, np.float32)
        fast = np.sin(2 * np.pi * np.array([1.3, 1.7]) * seconds + self._shake[:2])
        slow = np.sin(2 * np.pi * np.array([0.11, 0.07]) * seconds + self._shake[2:])
        return ((0.002 * fast + 0.02 * slow) * self.settings.height).astype(np.float32)

    def _backdrop(self, offset: NDArray[np.float32]) -> Image:
        matrix = np.array([[1, 0, offset[0] - 40], [0, 1, offset[1] - 40]], np.float32)
        return cv2.warpAffine(self._background, matrix, (self.settings.width, self.settings.height))

    def _draw_post(self, canvas: Image, labels: NDArray[np.uint8], seconds: float, offset: NDArray[np.float32]) -> None:
        """A post that stands in front of everything and wanders slowly across."""
        assert self._post is not None
        height, width = labels.shape
        x = int((0.5 + 0.42 * np.sin(2 * np.pi * 0.045 * seconds + 0.6)) * width + offset[0])
        x0, x1 = max(0, x - width // 36), min(width, x + width // 36)
        if x1 > x0:
            canvas[:, x0:x1] = cv2.resize(self._post, (x1 - x0, height))
            labels[:, x0:x1] = 0


def _texture(rng: np.random.Generator, base: tuple[float, ...], cells: int, side: int = TEXTURE_SIDE) -> Image:
    """Smooth patches, stripes and grain around one colour."""
    cell_colours = rng.normal(0, 26, (cells, cells, 1)) + rng.normal(0, 12, (cells, cells, 3))
    patches = cv2.resize(cell_colours.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    angle, waves = rng.uniform(0, np.pi), rng.uniform(3, 9)
    stripes = np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)))[..., None] * rng.uniform(8, 30)
    grain = rng.normal(0, 5, (side, side, 1))
    return np.clip(np.asarray(base) + patches + stripes + grain, 0, 255).astype(np.uint8)


def _background(rng: np.random.Generator, height: int, width: int) -> Image:
    """Ground and wall, with clutter, larger than the frame so that it can shake."""
    h, w = height + 80, width + 80
    texture = _texture(rng, tuple(rng.uniform(70, 150, 3)), cells=9, side=max(h, w))[:h, :w].copy()
    horizon = int(h * rng.uniform(0.35, 0.6))
    ground = _texture(rng, tuple(rng.uniform(60, 140, 3)), cells=20, side=max(h, w))[: h - horizon, :w]
    texture[horizon:] = ground
    for _ in range(14):
        x, y = int(rng.integers(0, w)), int(rng.integers(0, h))
        size = int(rng.uniform(0.03, 0.12) * height)
        tint = [float(v) for v in rng.uniform(40, 190, 3)]
        if rng.random() < 0.5:
            cv2.rectangle(texture, (x, y), (x + size, y + int(size * rng.uniform(0.4, 2))), tint, -1)
        else:
            cv2.ellipse(
                texture, (x, y), (size, int(size * rng.uniform(0.4, 1))), float(rng.uniform(0, 180)), 0, 360, tint, -1
            )
    return cv2.GaussianBlur(texture, (0, 0), 1.2)


def _shape(rng: np.random.Generator, index: int, settings: SceneSettings) -> Shape:
    hue = (index / settings.objects + rng.uniform(0, 0.4 / settings.objects)) % 1
    colour = cv2.cvtColor(np.array([[[int(hue * 179), 190, 215]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    crowd = max(1.0, settings.objects / 3) ** 0.5
    return Shape(
        rgb=_texture(rng, tuple(float(v) for v in colour), cells=5),
        alpha=_alpha(rng, index),
        size=float(rng.uniform(0.34, 0.5) / crowd),
        centre=((index + 0.5) / settings.objects * 0.7 + 0.15, float(rng.uniform(0.35, 0.65))),
        reach=(float(rng.uniform(0.1, 0.22)), float(rng.uniform(0.08, 0.2))),
        pace=(float(rng.uniform(0.06, 0.16)), float(rng.uniform(0.08, 0.2))),
        phase=(float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28))),
        turn=float(rng.uniform(10, 45)),
        swell=float(rng.uniform(0.05, 0.2)),
        leaves=settings.leave and index == 0,
    )


def _alpha(rng: np.random.Generator, index: int) -> NDArray[np.float32]:
    """An ellipse, a star, a rounded box, a lobed leaf, in turn."""
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    squash = rng.uniform(0.6, 0.95)
    match index % 4:
        case 0:
            radius = np.ones_like(angle)
        case 1:
            radius = 0.72 + 0.28 * np.cos(5 * angle)
        case 2:
            radius = np.minimum(1 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle))), 1.2) / 1.2
        case _:
            radius = 0.78 + 0.22 * np.sin(3 * angle + rng.uniform(0, 6.28))
    xy = np.stack((np.cos(angle) * radius, np.sin(angle) * radius * squash), 1) * 0.46 + 0.5
    mask = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(xy * TEXTURE_SIDE).astype(np.int32)], 255, cv2.LINE_AA)
    return (mask / 255).astype(np.float32)


def _paste(
    canvas: Image,
    labels: NDArray[np.uint8],
    shape: Shape,
    matrix: NDArray[np.float32],
    offset: NDArray[np.float32],
    number: int,
) -> None:
    """Draw a shape where it is, touching only the pixels around it."""
    matrix = matrix.copy()
    matrix[:, 2] += offset
    corners = cv2.transform(
        np.array([[[0, 0], [TEXTURE_SIDE, 0], [0, TEXTURE_SIDE], [TEXTURE_SIDE, TEXTURE_SIDE]]], np.float32), matrix
    )[0]
    x0, y0 = np.floor(corners.min(0)).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int), labels.shape[::-1])
    if x1 <= x0 or y1 <= y0:
        return
    matrix[:, 2] -= (x0, y0)
    size = (int(x1 - x0), int(y1 - y0))
    alpha = cv2.warpAffine(shape.alpha, matrix, size)
    rgb = cv2.warpAffine(shape.rgb, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    part = canvas[y0:y1, x0:x1]
    part[:] = cv2.blendLinear(rgb, part.copy(), alpha, 1 - alpha)
    labels[y0:y1, x0:x1][alpha > 0.5] = number
