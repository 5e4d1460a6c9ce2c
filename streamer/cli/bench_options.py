"""What `streamer bench` measures, each with its options and their defaults."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from streamer.cli.arguments import FPS, SECONDS, count


@dataclass(frozen=True, slots=True)
class Kind:
    """A measurement; a default of None leaves the option out."""

    name: str
    summary: str
    frames: int | None = None
    objects: str | None = None
    frame_size: str | None = None
    count: int | None = None
    fps: float | None = None
    model_keys: tuple[str, ...] = ()


KINDS = (
    Kind("engine", "a step beside transformers' loop", 12, "1,4,8", model_keys=("size", "runtime")),
    Kind("start", "from the start of a process to its first mask", 5),
    Kind("windows", "objects in windows side by side, and one after the other", 40, "5"),
    Kind("pipeline", "source to ZeroMQ, a frame at a time", 240, "1", frame_size="1280x720"),
    Kind("live", "what a user sees of a live camera: masks of the model and carried ones", objects="1", fps=30.0),
    Kind("memory", "memory over many frames", 3000, "3", model_keys=("runtime",)),
    Kind("crowd", "objects that join and leave at random", 500, "64"),
    Kind("age", "age of what a live reader sees", 120, "1"),
    Kind("image", "clicks on still images", 20),
    Kind("video", "a recording, tracked into a store", 5000),
    Kind("cameras", "several cameras on one engine", objects="1", count=4, fps=10.0),
    Kind("readers", "readers of the page", objects="1", count=20, fps=15.0),
    Kind("encoding", "JPEG encoding for several consumers", 20),
)


def declare(parser: argparse.ArgumentParser, kind: Kind) -> None:
    """Add the options of a measurement."""
    if kind.frames is not None:
        parser.add_argument("--frames", type=count(), default=kind.frames, metavar="N", help="(default: %(default)d)")
    if kind.objects is not None:
        several = "N[,N...]" if "," in kind.objects else "N"
        parser.add_argument("--objects", default=kind.objects, metavar=several, help="(default: %(default)s)")
    if kind.frame_size is not None:
        parser.add_argument("--size", default=kind.frame_size, metavar="WxH", help="of a frame (default: %(default)s)")
        parser.add_argument("--exact", action="store_true", help="without search windows, as transformers' loop")
    if kind.name == "live":
        parser.add_argument("--size", default="640x360", metavar="WxH", help="of a frame (default: %(default)s)")
    if kind.count is not None:
        parser.add_argument(
            "--count", type=count(), default=kind.count, metavar="N", help="of them (default: %(default)d)"
        )
    if kind.fps is not None:
        parser.add_argument("--fps", type=FPS, default=kind.fps, metavar="F", help="of a camera (default: %(default)g)")
        each = "of each measurement (default: %(default)g)"
        parser.add_argument("--seconds", type=SECONDS, default=10.0, metavar="S", help=each)
    if kind.name == "cameras":
        parser.add_argument("--max-fps", type=FPS, metavar="F", help="of each camera, above which frames are skipped")
        parser.add_argument("--crowd", type=count(), metavar="N", help="objects of the last camera (as of the others)")
    if kind.name == "engine":
        parser.add_argument("--no-reference", action="store_true", help="without transformers' loop")
        against = "transformers' loop, or the original EdgeTAM code on one object at 1024 (default: %(default)s)"
        parser.add_argument("--against", choices=("transformers", "original"), default="transformers", help=against)
