"""Small films for tests: brightness tells the frame, a white corner the orientation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from streamer.sources import open_source
from streamer.sources.video import VideoSource
from streamer.types import Frame

WIDTH, HEIGHT, COUNT, STEP, DARKEST = 64, 48, 30, 6, 20
THOUSANDTH = Fraction(1, 1000)
GOP = {"g": "10", "bf": "2"}
QUIET = {"libx265": {"x265-params": "log-level=none"}, "libsvtav1": {"preset": "10", "svtav1-params": "lp=1"}}


def image(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    drawn = np.full((size[1], size[0], 3), STEP * number + DARKEST, np.uint8)
    drawn[:8, :8] = 255
    return drawn


def film(
    path: Path,
    count: int = COUNT,
    *,
    codec: str = "libx264",
    options: Mapping[str, str] = GOP,
    format: str | None = None,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    prepare: Callable[[Any], object] = lambda stream: None,
    container: Mapping[str, str] = {},
    pts: Callable[[int], int | None] = lambda number: None,
    draw: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """Write a film; `prepare` gets the stream, `pts` gives frames times of their own in 1/1000 s."""
    with av.open(f"file:{path}", "w", format=format, options=dict(container)) as output:
        stream: Any = output.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = pixels, {**QUIET.get(codec, {}), **options}
        prepare(stream)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number) if draw else image(number, size), format="rgb24")
            if (time := pts(number)) is not None:
                frame.pts, frame.time_base = time, THOUSANDTH
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def played(path: Path | str) -> tuple[VideoSource, list[Frame]]:
    """A video source after its end, and its frames."""
    source = open_source(str(path))
    assert isinstance(source, VideoSource)
    return source, list(source)


def numbers(frames: Sequence[Frame] | Any) -> list[tuple[int, int]]:
    """Each frame's index, and the number that its brightness tells."""
    return [(frame.index, number_of(frame.image)) for frame in frames]


def number_of(shown: np.ndarray) -> int:
    height, width = shown.shape[:2]
    middle = shown[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    return round((float(middle.mean()) - DARKEST) / STEP)


def corner_of(shown: np.ndarray) -> str:
    """Where the white corner is."""
    middle = int(shown[shown.shape[0] // 2, shown.shape[1] // 2].mean())
    corners = {"top left": (3, 3), "top right": (3, -4), "bottom left": (-4, 3), "bottom right": (-4, -4)}
    return max(corners, key=lambda name: int(shown[corners[name]].mean()) - middle)
