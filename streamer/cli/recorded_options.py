"""Options of the commands that read what was recorded or tracked."""

from __future__ import annotations

import argparse

from streamer.cli.arguments import number
from streamer.config.runtimes import RUNTIMES

INTO = number(at_least=0, at_most=31_536_000)  # seconds into a run
FORMATS = ("coco", "ytvis", "davis", "mots", "cvat", "yolo")


def track(parser: argparse.ArgumentParser) -> None:
    """What `streamer track` has beside its own options."""
    which = "of annotations: each object's first is a prompt, or all (default: first)"
    parser.add_argument("--prompt-frames", choices=("first", "all"), default="first", help=which)
    parser.add_argument("--images", action="store_true", help=f"{', '.join(FORMATS)}: write the frames as JPEG too")
    _categories(parser)


def convert(parser: argparse.ArgumentParser) -> None:
    tracked = "the --out of `streamer track`, or a .jsonl or .mcap file of a run"
    parser.add_argument("tracked", metavar="TRACKED", help=tracked)
    parser.add_argument("--format", required=True, metavar="F[,F]", help=f"of {', '.join(FORMATS)}")
    parser.add_argument("--out", metavar="DIR", help="a folder (default: the folder of TRACKED)")
    parser.add_argument("--images", metavar="VIDEO", help="write the frames of this recording as JPEG too")
    _categories(parser)


def replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="RUN.mcap", help="the parts of one run, in order")
    parser.add_argument("--sink", action="append", default=[], metavar="URI", help="(default: mjpeg:127.0.0.1:8080)")
    speed = "2: twice as fast; 0: without pauses (default: %(default)g)"
    parser.add_argument("--speed", type=number(at_least=0, at_most=1000), default=1.0, metavar="X", help=speed)
    parser.add_argument("--from", dest="start", type=INTO, default=0.0, metavar="S", help="seconds into the run")
    parser.add_argument("--to", dest="end", type=INTO, metavar="S", help="seconds into the run (default: its end)")
    parser.add_argument("--track", action="store_true", help="run the tracker again, and name the first difference")
    parser.add_argument("--model", metavar="M", help="--track: in place of the run's own")
    parser.add_argument("--device", help="--track: auto, cpu, cuda, mps")
    parser.add_argument("--runtime", help=f"--track: {', '.join(RUNTIMES)}")


def _categories(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--categories", metavar="1=cat,2=dog", help="the category of each object (default: object)")
