"""A camera: the synthetic scene in real time, with the time drawn into it, pushed to a server without end.

`python -m streamer.soak.camera rtsp://...|rtp://... WIDTHxHEIGHT CODEC`, ended by a signal.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from typing import Any, cast

import av
import cv2

from streamer.soak.clock import stamp
from streamer.video.scene import Scene, SceneSettings

SIZE, FPS = (320, 240), 15
SEED, OBJECTS = 0, 2  # with this seed at most a third of an object is hidden
TICKS = 90_000
QUICK = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}


def scene(size: tuple[int, int] = SIZE) -> Scene:
    """The camera's scene; nothing hides or leaves, so every lost object was lost by a fault."""
    return Scene(SceneSettings(SEED, OBJECTS, *size, fps=FPS, occluder=False, leave=False, shake=False))


def index_at(milliseconds: int) -> int:
    """The scene's frame at a time: the scene continues while a camera is away."""
    return milliseconds * FPS // 1000


def push(url: str, size: tuple[int, int], codec: str) -> None:
    shown, began = scene(size), time.monotonic()
    scheme = url.partition(":")[0]
    with av.open(url, "w", format=scheme, options={"rtsp_transport": "tcp"} if scheme == "rtsp" else {}) as container:
        stream = cast(Any, container.add_stream(codec, rate=FPS))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.thread_count = 1  # one slice per frame
        stream.options = QUICK | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
        for number in range(sys.maxsize):
            time.sleep(max(0.0, began + number / FPS - time.monotonic()))
            now_ms = time.monotonic_ns() // 1_000_000
            image = shown.draw(index_at(now_ms))[0].copy()
            stamp(image, now_ms)
            frame = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
            frame.pts, frame.time_base = int((time.monotonic() - began) * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))


def main() -> None:
    url, size, codec = sys.argv[1:]
    width, height = map(int, size.split("x"))
    push(url, (width, height), codec)


if __name__ == "__main__":
    main()
