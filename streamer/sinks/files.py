"""Masks as PNG files, and tracks as JSON lines."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import cv2

from streamer.errors import SinkError
from streamer.events.fields import event_fields
from streamer.events.types import Event
from streamer.formats.result_fields import position_fields
from streamer.masks import LABEL_LIMIT, encode, labelled
from streamer.types import Track, TrackResult

log = logging.getLogger(__name__)


class MaskFolderSink:
    """One PNG per frame, `00000042.png`: a pixel's value is the object's id, 0 is background. The last object wins.

    An object whose id does not fit is left out, which is logged once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left_out: set[int] = set()

    def write(self, result: TrackResult) -> None:
        self._log_left_out({track.object_id for track in result.tracks if track.object_id > LABEL_LIMIT})
        size = (result.frame.height, result.frame.width)
        labels = labelled(size, ((track.object_id, track.mask) for track in result.tracks))
        path = self._folder / f"{result.frame.index:08d}.png"
        try:
            path.write_bytes(cv2.imencode(".png", labels)[1].tobytes())
        except OSError as error:
            raise SinkError(f"{path}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        pass

    def _log_left_out(self, ids: set[int]) -> None:
        for object_id in sorted(ids - self._left_out):
            log.warning(
                "%s: object %d is not in the PNG files, which hold ids up to %d; prompt it with a lower id",
                self._folder,
                object_id,
                LABEL_LIMIT,
            )
        self._left_out = ids


class JsonLinesSink:
    """One line per frame, with each object's mask as COCO RLE (`pycocotools` reads it), and one per event."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        try:
            self._file = path.open("wb", buffering=0)  # each line is one write
        except OSError as error:
            raise SinkError(f"{path}: cannot be written: {error.strerror}") from error

    def notify(self, event: Event) -> None:
        self._append(event_fields(event))

    def write(self, result: TrackResult) -> None:
        frame = result.frame
        line = {
            "source": frame.source,
            "index": frame.index,
            "epoch": frame.epoch,
            "wall_ns": frame.wall_ns,
            "pts_s": frame.pts_s,
            "dropped": result.dropped,
            "mask_from": result.mask_from,
            "objects": [_object(track) for track in result.tracks],
        }
        self._append(line)

    def _append(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise SinkError(
                f"{self._path}: cannot be written: {error.strerror}; {self._lines} lines are in it"
            ) from error
        self._lines += 1

    def close(self) -> None:
        self._file.close()


def _object(track: Track) -> dict[str, Any]:
    height, width = track.mask.shape
    return {
        "id": track.object_id,
        "state": track.state,
        "score": round(track.score, 4),
        "predicted_iou": round(track.predicted_iou, 4),
        "mask_from": track.mask_from,
        "age": track.age,
        "confidence": round(track.confidence, 4),
        "box": track.box,
        "segmentation": {"size": [height, width], "counts": encode(track.mask, (0, 0, width, height), "rle").decode()},
    } | position_fields(track.position)
