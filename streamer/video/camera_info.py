"""A camera's matrix and distortion from a YAML file as ROS' camera_calibration writes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamer.errors import UsageError
from streamer.types.camera import IDENTITY, CameraInfo

MODELS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}


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
