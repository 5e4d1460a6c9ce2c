"""`streamer convert`: what was tracked, in the formats of annotation tools and trainers."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streamer.errors import UsageError
from streamer.formats.frames import AnnotatedFrame, Clip
from streamer.formats.writers import FORMATS, open_writer
from streamer.offline.recording import Recording, open_recording
from streamer.offline.tracked import Tracked, open_tracked
from streamer.sinks.optional import need

log = logging.getLogger(__name__)


def convert(args: argparse.Namespace) -> int:
    """`streamer convert`."""
    wanted = formats(args.format)
    tracked = opened_tracks(Path(args.tracked))
    out = Path(args.out) if args.out else folder_of(Path(args.tracked))
    clip = Clip(tracked.name, categories(args.categories))
    frames = tracked.frames()
    if args.images:
        frames = with_images(frames, open_recording(Path(args.images)))
    count = objects = 0
    with contextlib.ExitStack() as opened:
        writers = [open_writer(name, out, clip) for name in wanted]
        for frame in frames:
            count, objects = count + 1, objects + len(frame.seen)
            for writer in writers:
                writer.add(frame)
        for writer in writers:
            opened.callback(writer.close)
    if args.json:
        print(json.dumps({"frames": count, "masks": objects, "folders": [str(out / name) for name in wanted]}))
    else:
        log.info("%d masks on %d frames, in %s", objects, count, ", ".join(str(out / name) for name in wanted))
    return 0


def opened_tracks(path: Path) -> Tracked:
    """What was tracked, of a folder, JSON lines or a recorded run; raises UsageError or SourceError."""
    if path.suffix.lower() != ".mcap":
        return open_tracked(path)
    need("foxglove", "mcap")
    from streamer.replay.tracked_run import TrackedRun

    return TrackedRun(path)


def formats(text: str) -> list[str]:
    """The formats of a list with commas; raises UsageError."""
    for name in text.split(","):
        if name not in FORMATS:
            raise UsageError(f"--format {name!r} is unknown; known: {', '.join(FORMATS)}")
    return list(dict.fromkeys(text.split(",")))


def folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def categories(text: str | None) -> dict[int, str]:
    """Categories by object, of `1=cat,2=dog`; raises UsageError."""
    found = {}
    for pair in (text or "").split(",") if text else ():
        number, _, name = pair.partition("=")
        if not number.isdecimal() or int(number) < 1 or not name.strip():
            raise UsageError(f"--categories {pair!r}: write ID=NAME, such as 1=cat")
        found[int(number)] = name.strip()
    return found


def with_images(frames: Iterator[AnnotatedFrame], recording: Recording) -> Iterator[AnnotatedFrame]:
    """The frames with their images; raises UsageError for a recording of another size or one that is too short."""
    images = recording.frames(0, recording.count - 1)
    for frame in frames:
        if (frame.width, frame.height) != (recording.width, recording.height):
            size = f"{recording.width} x {recording.height}"
            raise UsageError(f"--images: the recording is {size}, the masks are {frame.width} x {frame.height}")
        image = next((image for image in images if image.index == frame.index), None)
        if image is None:
            raise UsageError(f"--images: the recording has no frame {frame.index}")
        yield replace(frame, image_hwc_rgb=image.image)
