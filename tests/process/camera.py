"""A clip pushed to an RTSP server in its own time by a process of its own, as a camera does it.

`python -m tests.process.camera CLIP URL [SECONDS]`
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction

import av
import cv2

from streamer.sources import open_source
from streamer.sources.pace import Pace


def push(clip: str, url: str, seconds: float) -> None:
    source = open_source(clip)
    with av.open(url, "w", format="rtsp", options={"rtsp_transport": "tcp"}) as container:
        stream, pace, started, ticks = None, Pace(), time.monotonic(), -1
        for frame in source:
            if stream is None:
                stream = container.add_stream("libx264", rate=30)
                stream.width, stream.height, stream.pix_fmt = frame.width // 2 * 2, frame.height // 2 * 2, "yuv420p"
                stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
                stream.codec_context.time_base = Fraction(1, 90_000)
            image = frame.image[: stream.height, : stream.width]
            yuv = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
            ticks = max(ticks + 1, int((frame.pts_s or 0) * 90_000))
            yuv.pts, yuv.time_base = ticks, Fraction(1, 90_000)
            pace.wait(frame.pts_s or 0)
            container.mux(stream.encode(yuv))
            if time.monotonic() - started > seconds:
                break
    source.close()


if __name__ == "__main__":
    push(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 60.0)
