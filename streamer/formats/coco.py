"""COCO for videos: `annotations/instances_default.json`, which pycocotools, CVAT, FiftyOne and supervision read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamer.formats.frames import AnnotatedFrame, CategoryIds, Clip, save, save_image
from streamer.masks import encode
from streamer.types import Track

VIDEO_ID = 1
MASK_FILE = Path("annotations") / "instances_default.json"
IMAGES = Path("images") / "default"


def rle_of(track: Track) -> dict[str, Any]:
    """The mask as COCO's compressed run lengths."""
    height, width = track.mask.shape
    return {"size": [height, width], "counts": encode(track.mask, (0, 0, width, height), "rle").decode()}


def corner_and_size(track: Track) -> list[int]:
    """The box as COCO has it: x, y, width, height."""
    x0, y0, x1, y1 = track.box or (0, 0, 0, 0)
    return [x0, y0, x1 - x0, y1 - y0]


class CocoWriter:
    """An annotation for each object and frame, with `instance_id` and `attributes.track_id`."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._categories = CategoryIds(clip)
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, frame: AnnotatedFrame) -> None:
        name = f"{frame.stem}.jpg"
        save_image(self._folder / IMAGES / name, frame)
        image_id = len(self._images) + 1
        size = {"width": frame.width, "height": frame.height}
        self._images.append({"id": image_id, "file_name": name, **size, "video_id": VIDEO_ID, "frame_id": frame.index})
        self._annotations += [
            self._annotation(track, image_id, len(self._annotations) + number)
            for number, track in enumerate(frame.seen, 1)
        ]

    def _annotation(self, track: Track, image_id: int, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "image_id": image_id,
            "video_id": VIDEO_ID,
            "category_id": self._categories.of(track.object_id),
            "instance_id": track.object_id,
            "track_id": track.object_id,  # FiftyOne reads this one: `instance_id` is a word of its own
            "segmentation": rle_of(track),
            "bbox": corner_and_size(track),
            "area": int(track.mask.sum()),
            "iscrowd": 0,
            "score": round(track.score, 4),
            "attributes": {"track_id": track.object_id, "occluded": track.state != "tracked"},
        }

    def close(self) -> None:
        categories = [{"id": number, "name": name} for name, number in self._categories.ids.items()]
        document = {
            "info": {"description": f"masks of {self._clip.name}"},
            "licenses": [],
            "videos": [{"id": VIDEO_ID, "name": self._clip.name}],
            "images": self._images,
            "annotations": self._annotations,
            "categories": categories or [{"id": 1, "name": "object"}],
        }
        save(self._folder / MASK_FILE, json.dumps(document))
