"""A camera's geometry, and where an object is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.errors import UsageError

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


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


@dataclass(frozen=True, slots=True)
class Position:
    """Where the visible surface of an object is, in metres in the camera's frame: x right, y down, z ahead."""

    depth_m: float  # median of z
    centre_m: tuple[float, float, float]
    extent_m: tuple[float, float, float]
    share: float  # of the mask's pixels whose depth is known, 0 to 1
