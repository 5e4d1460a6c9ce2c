"""What a hand and a cheap camera do to a clip: it pans, shakes and zooms; light, colour, blur, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nano.bodies import wander
from nano.stills import Image, Plane


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


def excursion(rng: np.random.Generator, steps: int) -> Plane:
    """A camera that looks elsewhere for some frames and comes back: T x 2, in windows; often nothing."""
    way = np.zeros((steps, 2), np.float32)
    if steps < 6 or rng.random() > 0.3:
        return way
    first = int(rng.integers(2, steps // 2 + 1))
    last = int(rng.integers(first + 2, steps + 3))
    direction = rng.normal(0, 1, 2)
    direction *= rng.uniform(0.4, 1.3) / np.linalg.norm(direction)
    for t in range(first, min(last, steps)):
        way[t] = direction * min(1.0, 0.5 * (t - first + 1), 0.5 * (last - t))
    return way


def blur_kernel(rng: np.random.Generator, length: int) -> Plane:
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0)
    return kernel / kernel.sum()


def photographed(frames: Image, rng: np.random.Generator) -> Image:
    """What a cheap camera makes of T x S x S x 3 frames."""
    tint = rng.uniform(0.75, 1.25, 3) if rng.random() < 0.6 else np.ones(3)
    light = 1 + wander(rng, len(frames), 1, rng.choice([0, 0.03]))[:, 0].clip(-0.4, 0.4)
    gamma, noise = rng.uniform(0.75, 1.3), rng.choice([0, 0, 3.0, 7.0])
    soften = rng.random() < 0.2
    quality = int(rng.integers(30, 90)) if rng.random() < 0.4 else 0
    blurred = _blurred_frames(rng, len(frames))
    out = []
    for t, frame in enumerate(frames):
        image = _developed(frame, tint * light[t], float(gamma))
        if length := blurred[t]:
            image = cv2.filter2D(image, -1, blur_kernel(rng, length))
        if soften:
            image = cv2.GaussianBlur(image, (0, 0), 1.0)
        if noise:
            image = cv2.add(image, (rng.standard_normal(image.shape, np.float32) * noise), dtype=cv2.CV_8U)
        if quality:
            _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            image = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        out.append(image)
    return np.stack(out)


def _blurred_frames(rng: np.random.Generator, steps: int) -> list[int]:
    """The length of each frame's motion blur, 0 for none: the whole clip, a stretch of it, or mostly nothing."""
    kind = rng.random()
    if kind > 0.35:
        return [0] * steps
    length = int(rng.integers(3, 11))
    if kind > 0.2:
        return [length] * steps
    first, last = sorted(rng.integers(0, steps + 1, 2))
    return [length if first <= t < last else 0 for t in range(steps)]


def _developed(frame: Image, gain_3: NDArray[np.float64], gamma: float) -> Image:
    values = np.arange(256)[:, None] / 255 * gain_3
    table = (np.clip(values, 0, 1) ** gamma * 255).astype(np.uint8)
    return cv2.LUT(frame, table[None])
