"""A camera's matrix and distortion from a YAML file as ROS' camera_calibration writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import UsageError

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
MODELS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """Focal lengths and centre in pixels of a frame of `width` x `height`."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = "plumb_bob"
    distortion: tuple[float, ...] = (0.0,) * 5
    rectification: tuple[float, ...] = IDENTITY

    @property
    def matrix(self) -> tuple[float, ...]:
        """K, row by row."""
        return (self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0)

    @property
    def projection(self) -> tuple[float, ...]:
        """P, row by row."""
        return (self.fx, 0.0, self.cx, 0.0, 0.0, self.fy, self.cy, 0.0, 0.0, 0.0, 1.0, 0.0)

    def scaled(self, width: int, height: int) -> CameraInfo:
        """For frames of another size and the same shape; raises UsageError for another shape."""
        if (width, height) == (self.width, self.height):
            return self
        across, down = width / self.width, height / self.height
        if abs(across - down) > 0.01 * across:
            raise UsageError(
                f"camera_info is for {self.width} x {self.height}, and the frames are {width} x {height}, another shape"
            )
        centre = ((self.cx + 0.5) * across - 0.5, (self.cy + 0.5) * down - 0.5)
        focal = (self.fx * across, self.fy * down)
        return CameraInfo(width, height, *focal, *centre, self.distortion_model, self.distortion, self.rectification)

    def rays(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the rays of pixels meet the plane at one metre: x and y there, without the lens' distortion."""
        if not any(self.distortion):
            return (x - self.cx) / self.fx, (y - self.cy) / self.fy
        import cv2

        points = np.stack((x, y), axis=-1).reshape(-1, 1, 2)
        matrix, bends = np.array(self.matrix).reshape(3, 3), np.array(self.distortion)
        undistort = cv2.fisheye.undistortPoints if self.distortion_model == "equidistant" else cv2.undistortPoints
        plane = undistort(points, matrix, bends).reshape(*x.shape, 2)
        return plane[..., 0], plane[..., 1]


def read_camera_info(path: Path) -> CameraInfo:
    """Raises UsageError naming the file and what is wrong in it."""
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict):
        raise UsageError(f"{path}: holds no camera info; see docs/robotics.md for one")
    return _of(given, path)


def _of(given: dict[str, Any], path: Path) -> CameraInfo:
    width, height = (_side(given, name, path) for name in ("image_width", "image_height"))
    k = _numbers(given, "camera_matrix", 9, path)
    if not (k[0] > 0 and k[4] > 0 and k[8] == 1 and not any((k[3], k[6], k[7]))):
        raise UsageError(f"{path}: camera_matrix is none: it is fx 0 cx, 0 fy cy, 0 0 1 with fx and fy above 0")
    model = given.get("distortion_model", given.get("camera_model", "plumb_bob"))
    if model not in MODELS:
        raise UsageError(f"{path}: distortion_model {model!r} is unknown; known: {', '.join(MODELS)}")
    has = "distortion_coefficients" in given
    bends = _numbers(given, "distortion_coefficients", MODELS[model], path) if has else (0.0,) * MODELS[model]
    turned = _numbers(given, "rectification_matrix", 9, path) if "rectification_matrix" in given else IDENTITY
    return CameraInfo(width, height, k[0], k[4], k[2], k[5], model, bends, turned)


def _side(given: dict[str, Any], name: str, path: Path) -> int:
    side = given.get(name)
    if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= 16384:
        raise UsageError(f"{path}: {name} is a number of pixels, not {side!r}")
    return side


def _numbers(given: dict[str, Any], name: str, count: int, path: Path) -> tuple[float, ...]:
    """A matrix' `data`, or a bare list."""
    values = given.get(name)
    data: Any = values.get("data") if isinstance(values, dict) else values
    try:
        numbers = tuple(float(value) for value in _sequence(data))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise UsageError(f"{path}: {name} is {count} finite numbers in `data`")
    return numbers


def _sequence(data: Any) -> Sequence[Any]:
    if not isinstance(data, list):
        raise TypeError
    return data
