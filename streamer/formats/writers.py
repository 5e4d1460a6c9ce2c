"""The writer of each format's name."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import UsageError
from streamer.formats.coco import CocoWriter
from streamer.formats.cvat import CvatWriter
from streamer.formats.frames import Clip, Writer
from streamer.formats.label_images import DavisWriter, MotsWriter
from streamer.formats.yolo import YoloWriter
from streamer.formats.ytvis import YtvisWriter

FORMATS = ("coco", "ytvis", "davis", "mots", "cvat", "yolo")


def open_writer(name: str, out: Path, clip: Clip) -> Writer:
    """A writer into the folder `out`/`name`; raises UsageError for a format that is none."""
    folder = out / name
    match name:
        case "coco":
            return CocoWriter(folder, clip)
        case "ytvis":
            return YtvisWriter(folder, clip)
        case "davis":
            return DavisWriter(folder, clip)
        case "mots":
            return MotsWriter(folder, clip)
        case "cvat":
            return CvatWriter(folder, clip)
        case "yolo":
            return YoloWriter(folder, clip)
        case _:
            raise UsageError(f"format {name!r} is unknown; known: {', '.join(FORMATS)}")
