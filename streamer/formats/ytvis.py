"""YouTube-VIS: `instances.json` with a list of masks for each object, null where it is not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from streamer.formats.coco import corner_and_size
from streamer.formats.frames import AnnotatedFrame, CategoryIds, Clip, save, save_image
from streamer.masks import Mask

VIDEO_ID = 1
FILE = "instances.json"
IMAGES = "JPEGImages"


def uncompressed(mask_hw: Mask) -> dict[str, Any]:
    """Run lengths as numbers, down the columns, the first of what is outside: YouTube-VIS has them so."""
    values = mask_hw.ravel(order="F")
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    runs = np.diff(np.concatenate(([0], edges, [values.size]))).tolist()
    return {"size": list(mask_hw.shape), "counts": [0, *runs] if values[0] else runs}


class YtvisWriter:
    """One annotation for each object; its lists are as long as the video."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._categories = CategoryIds(clip)
        self._names: list[str] = []
        self._size = (0, 0)
        self._lists: dict[int, dict[int, tuple[dict[str, Any], list[int], int]]] = {}
        self._scores: dict[int, list[float]] = {}

    def add(self, frame: AnnotatedFrame) -> None:
        name = f"{self._clip.name}/{frame.stem}.jpg"
        save_image(self._folder / IMAGES / name, frame)
        at = len(self._names)
        self._names.append(name)
        self._size = (frame.width, frame.height)
        for track in frame.seen:
            entry = (uncompressed(track.mask), corner_and_size(track), int(track.mask.sum()))
            self._lists.setdefault(track.object_id, {})[at] = entry
            self._scores.setdefault(track.object_id, []).append(track.score)

    def close(self) -> None:
        width, height = self._size
        annotations = [self._annotation(number, object_id) for number, object_id in enumerate(sorted(self._lists), 1)]
        video = {"id": VIDEO_ID, "width": width, "height": height, "length": len(self._names)}
        document = {
            "info": {"description": f"masks of {self._clip.name}"},
            "licenses": [],
            "videos": [video | {"file_names": self._names}],
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for name, number in self._categories.ids.items()],
        }
        save(self._folder / FILE, json.dumps(document))

    def _annotation(self, number: int, object_id: int) -> dict[str, Any]:
        entries = [self._lists[object_id].get(at) for at in range(len(self._names))]
        scores = self._scores[object_id]
        return {
            "id": number,
            "video_id": VIDEO_ID,
            "category_id": self._categories.of(object_id),
            "instance_id": object_id,
            "segmentations": [entry and entry[0] for entry in entries],
            "bboxes": [entry and entry[1] for entry in entries],
            "areas": [entry and entry[2] for entry in entries],
            "iscrowd": 0,
            "width": self._size[0],
            "height": self._size[1],
            "length": len(entries),
            "score": round(sum(scores) / len(scores), 4),
            "attributes": {"track_id": object_id},
        }
