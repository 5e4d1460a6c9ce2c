"""YOLO segmentation as Ultralytics trains on it: a polygon a line, and `data.yaml`."""

from __future__ import annotations

from pathlib import Path

import yaml

from streamer.formats.frames import AnnotatedFrame, CategoryIds, Clip, save, save_for_frame, save_image
from streamer.formats.outlines import outline
from streamer.types import Track


class YoloWriter:
    """`labels/train/*.txt` with shares of the frame; ids are in `tracks/*.txt`, line by line, since YOLO has none."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._categories = CategoryIds(clip, first=0)

    def add(self, frame: AnnotatedFrame) -> None:
        save_image(self._folder / "images" / "train" / f"{frame.stem}.jpg", frame)
        lines = "".join(f"{self._line(track, frame)}\n" for track in frame.seen)
        save_for_frame(self._folder / "labels" / "train" / f"{frame.stem}.txt", lines)
        ids = "".join(f"{track.object_id}\n" for track in frame.seen)
        save_for_frame(self._folder / "tracks" / "train" / f"{frame.stem}.txt", ids)

    def _line(self, track: Track, frame: AnnotatedFrame) -> str:
        assert track.box is not None
        shares = (outline(track.mask, track.box) / (frame.width, frame.height)).clip(0, 1)
        return f"{self._categories.of(track.object_id)} " + " ".join(f"{share:.6f}" for share in shares.ravel())

    def close(self) -> None:
        names = {number: name for name, number in self._categories.ids.items()} or {0: "object"}
        about = {"path": ".", "train": "images/train", "val": "images/train", "names": names}
        save(self._folder / "data.yaml", yaml.safe_dump(about, sort_keys=False))
