"""Where objects are in space: median depth, centre and extent of what is seen of them.

A mask's rim mixes the object with what is behind it, and a depth camera leaves holes: only pixels inside the rim count,
and of them those near the median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.masks import Mask, PixelBox
from streamer.types import CameraInfo, Frame, Position, Track

RIM_PX = 2
MIN_PIXELS = 12  # with a depth, below which there is no position
NEAR = 5.0  # median deviations from the median up to which a pixel is the object's
MIN_NEAR = 0.03  # share of the median that is always near enough
OUTER = (1.0, 99.0)  # percentiles that the extent lies between


def located(frame: Frame, tracks: Sequence[Track]) -> tuple[Track, ...]:
    """The tracks with their positions, where the frame has a depth image."""
    if frame.depth is None or frame.camera is None:
        return tuple(tracks)
    camera = frame.camera.scaled(frame.width, frame.height)
    return tuple(replace(track, position=_position_of(track, frame.depth, camera)) for track in tracks)


def _position_of(track: Track, depth_hw: NDArray[np.float32], camera: CameraInfo) -> Position | None:
    return None if track.box is None else position(track.mask, track.box, depth_hw, camera)


def position(mask_hw: Mask, box: PixelBox, depth_hw: NDArray[np.float32], camera: CameraInfo) -> Position | None:
    """Where the surface below a mask is; None where too few of its pixels have a depth."""
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(mask_hw[y0:y1, x0:x1])
    depth = depth_hw[y0:y1, x0:x1].astype(np.float64)
    known = part & np.isfinite(depth) & (depth > 0)
    inside = _without_rim(part) & known
    if np.count_nonzero(inside) < MIN_PIXELS:
        inside = known
    if np.count_nonzero(inside) < MIN_PIXELS:
        return None
    median = float(np.median(depth[inside]))
    reach = max(NEAR * float(np.median(np.abs(depth[inside] - median))), MIN_NEAR * median)
    points = _points(inside & (np.abs(depth - median) <= reach), depth, (x0, y0), camera)
    outline = _points(known & (np.abs(depth - median) <= reach), depth, (x0, y0), camera)
    low, high = np.percentile(outline, OUTER, axis=0)
    share = int(known.sum()) / int(part.sum())
    return Position(median, _three(points.mean(axis=0)), _three(high - low), round(share, 3))


def _without_rim(part_hw: Mask) -> Mask:
    kernel = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    padded = np.pad(part_hw.view(np.uint8), RIM_PX)
    return cv2.erode(padded, kernel)[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] > 0


def _points(
    chosen_hw: Mask, depth_hw: NDArray[np.float64], offset: tuple[int, int], camera: CameraInfo
) -> NDArray[np.float64]:
    """N x 3: the pixels in the camera's frame."""
    rows, columns = np.nonzero(chosen_hw)
    z = depth_hw[rows, columns]
    across, down = camera.rays(columns.astype(np.float64) + offset[0], rows.astype(np.float64) + offset[1])
    return np.stack((across * z, down * z, z), axis=1)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 4) for value in values)
    return x, y, z
