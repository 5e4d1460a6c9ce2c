"""Frames as H.264 for WebCodecs: a stream without delay, in Annex B."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

# OpenCV converts by BT.601; a browser takes a stream that does not say so for BT.709
COLOURS = "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:range=tv"
OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": "26",
    "g": "300",
    "x264-params": f"repeat-headers=1:{COLOURS}",
}
CLOCK = Fraction(1, 90_000)
NOMINAL_FPS = 30


class H264Encoder:
    """One stream; a frame of another size starts a new one."""

    codec = "avc1.42c02a"  # constrained baseline, level 4.2: what `ultrafast` makes of 4:2:0

    def __init__(self) -> None:
        self.key_next = True  # whether the next frame becomes a key frame
        self._context: Any = None
        self._count = 0

    def encode(self, image_hwc_rgb: NDArray[np.uint8]) -> tuple[bytes, bool]:
        """A frame's bytes, and whether it is a key frame."""
        height, width = (side - side % 2 for side in image_hwc_rgb.shape[:2])
        if self._context is None or (self._context.width, self._context.height) != (width, height):
            self._context = _context(width, height)
            self.key_next = True
        even = np.ascontiguousarray(image_hwc_rgb[:height, :width])
        frame = av.VideoFrame.from_ndarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        frame.pts, frame.time_base = self._count * int(1 / CLOCK) // NOMINAL_FPS, CLOCK
        frame.pict_type = PictureType.I if self.key_next else PictureType.NONE
        self._count += 1
        self.key_next = False
        packets = self._context.encode(frame)
        return b"".join(map(bytes, packets)), any(packet.is_keyframe for packet in packets)


def _context(width: int, height: int) -> Any:
    context = cast(Any, av.CodecContext.create("libx264", "w"))
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.options = CLOCK, Fraction(NOMINAL_FPS), OPTIONS
    context.profile = "Baseline"
    context.thread_count = 1
    return context
