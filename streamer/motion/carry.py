"""One object's mask, carried from the frame on which the model found it to the newest one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.masks import Mask, PixelBox, box_of
from streamer.motion.path import Path
from streamer.types import Track

ENOUGH = 0.5  # share of an object's points that must agree for the flow to be believed
SOME = 0.1  # share of them whose median displacement is still believed
MARGIN = 1  # points of the grey image around a carried mask
MAX_WARPED = 1 << 16  # pixels of a mask that are mapped one by one; larger masks are mapped at a lower resolution
INSIDE = 127  # of 255: above it a pixel belongs to the mask


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What the model said of an object on one frame."""

    track: Track
    number: int  # of the frame, in the flow's history
    small_hw: NDArray[np.uint8]  # its mask at the size of the grey images, 0 to 255

    @classmethod
    def of(cls, track: Track, number: int, size_hw: tuple[int, int]) -> Anchor:
        mask = track.mask.view(np.uint8) * np.uint8(255)
        return cls(track, number, cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_AREA))


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A carried mask, and how much of it is believed."""

    mask: Mask
    agreement: float  # share of the object's points at which the flow agrees with itself
    displacement_px: tuple[float, float]  # x and y from the model's frame to this one, the median of its points


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """An object on the newest frame, and how far it moved since the model found it."""

    track: Track
    displacement_px: tuple[float, float] = (0.0, 0.0)  # x and y, the median of its points


def stand(anchor: Anchor, path: Path, max_age: int) -> Standing:
    """Where an object is at the end of a path; beyond `max_age` frames nobody knows."""
    if path.age == 0:
        return Standing(anchor.track)
    if path.age > max_age or anchor.track.box is None:
        return Standing(unclaimed(anchor.track, path.age, anchor.track.mask.shape))
    carried = carry(anchor, path)
    box = box_of(carried.mask)
    track = replace(
        anchor.track,
        mask=carried.mask,
        box=box,
        state=anchor.track.state if box is not None else "occluded",
        logits=None,
        mask_from="motion",
        age=path.age,
        confidence=carried.agreement * (1 - path.age / (max_age + 1)) if box is not None else 0.0,
    )
    return Standing(track, carried.displacement_px)


def unclaimed(track: Track, age: int, size_hw: tuple[int, ...]) -> Track:
    """An object of which nobody knows where it is on a frame of that size."""
    return replace(
        track,
        mask=np.zeros(size_hw, np.bool_),
        box=None,
        state="lost" if track.state == "lost" else "occluded",
        logits=None,
        mask_from="motion",
        age=age,
        confidence=0.0,
    )


def carry(anchor: Anchor, path: Path) -> Carried:
    """By the flow where enough points agree; else by the median displacement of the points that do; else unchanged."""
    small = cv2.remap(anchor.small_hw, path.origin_hw3[..., :2].copy(), None, cv2.INTER_LINEAR)
    inside = small > INSIDE if (small > INSIDE).any() else small > 0
    if not inside.any():
        return Carried(np.zeros_like(anchor.track.mask), 0.0, (0.0, 0.0))
    agrees = path.origin_hw3[..., 2][inside] > 0.5
    agreement = float(agrees.mean())
    scale = _scale(anchor)
    moved = _displacements(path, inside)
    if agreement >= ENOUGH:
        shift = np.median(moved[agrees], axis=0) * scale
        return Carried(_warped(anchor, path, small), agreement, (float(shift[0]), float(shift[1])))
    if agreement >= SOME:
        shift = np.median(moved[agrees], axis=0) * scale
        return Carried(shifted(anchor.track.mask, shift), agreement, (float(shift[0]), float(shift[1])))
    return Carried(anchor.track.mask, agreement, (0.0, 0.0))


def shifted(mask: Mask, shift_xy: NDArray[np.float64]) -> Mask:
    """The mask moved by a displacement in pixels."""
    moves = np.array([[1, 0, shift_xy[0]], [0, 1, shift_xy[1]]], np.float32)
    moved = cv2.warpAffine(mask.view(np.uint8), moves, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return cast(Mask, moved.view(np.bool_))


def _scale(anchor: Anchor) -> NDArray[np.float64]:
    """Pixels of the frame for each point of the grey image, x and y."""
    (height, width), (small_height, small_width) = anchor.track.mask.shape, anchor.small_hw.shape
    return np.array([width / small_width, height / small_height])


def _displacements(path: Path, inside: Mask) -> NDArray[np.float32]:
    """Of the points inside, N x 2, in points of the grey image."""
    y, x = np.nonzero(inside)
    moved: NDArray[np.float32] = np.stack((x, y), axis=1).astype(np.float32) - path.origin_hw3[..., :2][inside]
    return moved


def _warped(anchor: Anchor, path: Path, small: NDArray[np.uint8]) -> Mask:
    """The mask along the flow, at the frame's resolution around the object alone."""
    mask, scale = anchor.track.mask, _scale(anchor)
    x0, y0, x1, y1 = _region(small, scale, mask.shape)
    step = 1 if (x1 - x0) * (y1 - y0) <= MAX_WARPED else 2
    width, height = -(-(x1 - x0) // step), -(-(y1 - y0) // step)
    sources = _sources(path, scale, (x0, y0), (width, height), step)
    source, origin = _cut_out(anchor.track)
    sources -= np.array(origin, np.float32)
    part = cv2.remap(source, sources, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    if step > 1:
        part = cv2.resize(part, (width * step, height * step), interpolation=cv2.INTER_LINEAR)
    warped = np.zeros(mask.shape, np.bool_)
    warped[y0:y1, x0:x1] = part[: y1 - y0, : x1 - x0] > INSIDE
    return warped


def _cut_out(track: Track) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The part of a mask in its box, 0 or 255, with a border of nothing; and the place of its first pixel."""
    assert track.box is not None
    x0, y0, x1, y1 = track.box
    part = np.zeros((y1 - y0 + 2, x1 - x0 + 2), np.uint8)
    np.multiply(track.mask[y0:y1, x0:x1].view(np.uint8), 255, out=part[1:-1, 1:-1])
    return part, (x0 - 1, y0 - 1)


def _region(small: NDArray[np.uint8], scale: NDArray[np.float64], shape: tuple[int, ...]) -> PixelBox:
    """The pixels of the frame that a carried mask may cover."""
    x, y, w, h = cv2.boundingRect((small > 0).view(np.uint8))
    return (
        max(0, int((x - MARGIN) * scale[0])),
        max(0, int((y - MARGIN) * scale[1])),
        min(shape[1], int(np.ceil((x + w + MARGIN) * scale[0]))),
        min(shape[0], int(np.ceil((y + h + MARGIN) * scale[1]))),
    )


def _sources(
    path: Path, scale: NDArray[np.float64], corner: tuple[int, int], size: tuple[int, int], step: int
) -> NDArray[np.float32]:
    """For each pixel of a region, every `step`th, where it was in the model's frame: x and y in pixels of the frame."""
    middle = (step - 1) / 2  # of a block of pixels
    to_grey: Any = np.array(
        [
            [step / scale[0], 0, (corner[0] + middle + 0.5) / scale[0] - 0.5],
            [0, step / scale[1], (corner[1] + middle + 0.5) / scale[1] - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    origin = cv2.warpAffine(path.origin_hw3[..., :2], to_grey, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    sources: NDArray[np.float32] = (origin + 0.5) * scale.astype(np.float32) - 0.5
    return sources
