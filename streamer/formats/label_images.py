"""Label images: DAVIS (a palette PNG for each frame) and MOTS (16-bit PNG, and run lengths as text)."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streamer.formats.coco import rle_of
from streamer.formats.frames import AnnotatedFrame, CategoryIds, Clip, save, save_for_frame, save_image
from streamer.masks import labelled
from streamer.types import Track

log = logging.getLogger(__name__)
DAVIS_VOID = 255  # a pixel that counts for nothing
DAVIS_LAST = DAVIS_VOID - 1
MOTS_INSTANCES = 1000  # a pixel is class * 1000 + instance
DAVIS_PALETTE_BITS = 8


def davis_palette() -> list[int]:
    """The colours of DAVIS and PASCAL VOC: the bits of an id spread over red, green and blue."""
    colours = []
    for number in range(256):
        rgb, rest = [0, 0, 0], number
        for bit in reversed(range(DAVIS_PALETTE_BITS)):
            for channel in range(3):
                rgb[channel] |= (rest >> channel & 1) << bit
            rest >>= 3
        colours += rgb
    return colours


class LeftOut:
    """Logs each object that a format cannot hold, once."""

    def __init__(self, name: str, last: int) -> None:
        self._name = name
        self._last = last
        self._logged: set[int] = set()

    def fitting(self, frame: AnnotatedFrame) -> list[Track]:
        """The objects of a frame that fit."""
        for track in frame.seen:
            if track.object_id > self._last and track.object_id not in self._logged:
                self._logged.add(track.object_id)
                log.warning("%s: holds ids up to %d; object %d is left out", self._name, self._last, track.object_id)
        return [track for track in frame.seen if track.object_id <= self._last]


class DavisWriter:
    """`Annotations/480p/<clip>/00000000.png`, with the images and the list of clips where DAVIS has them."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._left_out = LeftOut("davis", DAVIS_LAST)
        self._palette = davis_palette()

    def add(self, frame: AnnotatedFrame) -> None:
        masks = ((track.object_id, track.mask) for track in self._left_out.fitting(frame))
        labels = labelled((frame.height, frame.width), masks).astype(np.uint8)
        save_for_frame(self._folder / "Annotations" / "480p" / self._clip.name / f"{frame.stem}.png", self._png(labels))
        save_image(self._folder / "JPEGImages" / "480p" / self._clip.name / f"{frame.stem}.jpg", frame)

    def _png(self, labels: NDArray[np.uint8]) -> bytes:
        image = Image.fromarray(labels)
        image.putpalette(self._palette)
        data = io.BytesIO()
        image.save(data, "PNG")
        return data.getvalue()

    def close(self) -> None:
        save(self._folder / "ImageSets" / "2017" / "val.txt", f"{self._clip.name}\n")


class MotsWriter:
    """`default/instances/*.png` with `labels.txt` as CVAT reads them, and `gt/gt.txt` as MOTSChallenge has it."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._categories = CategoryIds(clip)
        self._left_out = LeftOut("mots", MOTS_INSTANCES - 1)
        self._lines: list[str] = []

    def add(self, frame: AnnotatedFrame) -> None:
        tracks = self._left_out.fitting(frame)
        numbers = {track.object_id: self._number(track) for track in tracks}
        labels = labelled((frame.height, frame.width), ((track.object_id, track.mask) for track in tracks))
        values = np.zeros(labels.shape, np.uint16)
        for object_id, number in numbers.items():
            values[labels == object_id] = number
        png = cv2.imencode(".png", values)[1].tobytes()
        save_for_frame(self._folder / "default" / "instances" / f"{frame.stem}.png", png)
        save_image(self._folder / "default" / "images" / f"{frame.stem}.jpg", frame)
        self._lines += [self._line(frame, track, labels == track.object_id) for track in tracks]

    def _number(self, track: Track) -> int:
        return self._categories.of(track.object_id) * MOTS_INSTANCES + track.object_id

    def _line(self, frame: AnnotatedFrame, track: Track, visible: NDArray[np.bool_]) -> str:
        """Frame (from 1), number, class, height, width, run lengths: of what no other object covers."""
        covered = Track(track.object_id, visible, track.box, track.score, track.predicted_iou, track.state)
        category = self._categories.of(track.object_id)
        counts = rle_of(covered)["counts"]
        return f"{frame.index + 1} {self._number(track)} {category} {frame.height} {frame.width} {counts}"

    def close(self) -> None:
        names = "".join(f"{name}\n" for name in self._categories.ids)
        save(self._folder / "default" / "instances" / "labels.txt", names)
        save(self._folder / "gt" / "gt.txt", "".join(f"{line}\n" for line in self._lines))
