"""One frame of a source."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamer.types.camera import CameraInfo
from streamer.types.memo import Memo


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a source and the moment it arrived."""

    source: str  # name of the camera
    index: int  # position in the source's own count: a gap is a dropped frame
    epoch: int  # +1 at every discontinuity: reconnect, resolution change, loop
    captured_ns: int  # monotonic clock at arrival, taken after the read returned
    wall_ns: int  # Unix time of the same moment
    pts_s: float | None  # the stream's own presentation time
    image: NDArray[np.uint8]  # H x W x 3, RGB, read-only
    corrupt: bool = False  # the decoder reports missing parts: the frame is shown, but not remembered
    depth: NDArray[np.float32] | None = None  # H x W in metres along the camera's axis; NaN where it is not known
    camera: CameraInfo | None = None  # with `depth`
    memo: Memo = field(default_factory=Memo, init=False, repr=False)  # a copy by `replace` begins with an empty one

    @classmethod
    def from_image(
        cls,
        image_hwc_rgb: NDArray[np.uint8],
        *,
        index: int,
        source: str = "image",
        epoch: int = 0,
        pts_s: float | None = None,
        captured_ns: int | None = None,
    ) -> Frame:
        """A frame of a bare H x W x 3 RGB uint8 array, stamped now; raises ValueError for any other array."""
        if image_hwc_rgb.ndim != 3 or image_hwc_rgb.shape[2] != 3 or image_hwc_rgb.dtype != np.uint8:
            raise ValueError(f"a frame's image is H x W x 3 RGB uint8, not {image_hwc_rgb.shape} {image_hwc_rgb.dtype}")
        image = image_hwc_rgb.view()
        image.flags.writeable = False
        now_ns = time.monotonic_ns() if captured_ns is None else captured_ns
        return cls(source, index, epoch, now_ns, time.time_ns(), pts_s, image)

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])
