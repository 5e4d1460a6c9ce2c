"""Segments of still images as files: label images, COCO instances, JSON lines, and overlays to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SinkError
from streamer.masks import LABEL_LIMIT, Mask, PixelBox, encode, labelled, overlay
from streamer.types import Track

Format = Literal["png", "coco", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)


class HasMask(Protocol):
    """What is written of one object."""

    @property
    def object_id(self) -> int: ...
    @property
    def mask(self) -> Mask: ...
    @property
    def box(self) -> PixelBox | None: ...
    @property
    def score(self) -> float: ...


@dataclass(slots=True)
class Annotations:
    """Collects the segments of images and writes them below a folder; `close` writes what belongs to all of them."""

    folder: Path
    formats: Sequence[Format]
    _images: list[dict[str, Any]] = field(default_factory=list)
    _instances: list[dict[str, Any]] = field(default_factory=list)
    _categories: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        image_hwc_rgb: NDArray[np.uint8],
        segments: Sequence[HasMask],
        labels: Mapping[int, str] | None = None,
    ) -> Path:
        """Write one image's segments, and its overlay, whose path is returned. Raises SinkError."""
        stem, size = Path(name).stem, (image_hwc_rgb.shape[0], image_hwc_rgb.shape[1])
        if "png" in self.formats:
            _check_ids(name, segments)
            self._write(f"{stem}.png", labelled(size, ((s.object_id, s.mask) for s in segments)))
        self._list(name, size, segments, labels or {})
        drawn = [Track(s.object_id, s.mask, s.box, s.score, s.score, "tracked") for s in segments]
        return self._write(f"{stem}.overlay.jpg", overlay(image_hwc_rgb, drawn)[..., ::-1])

    def close(self) -> None:
        """Write `annotations.json` (COCO instances) and `segments.jsonl` (a line an image), where asked for."""
        if "coco" in self.formats:
            categories = [{"id": number, "name": name} for name, number in self._categories.items()]
            whole = {"images": self._images, "annotations": self._instances, "categories": categories}
            self._save("annotations.json", json.dumps(whole).encode())
        if "jsonl" in self.formats:
            lines = [image | {"segments": self._of(image["id"])} for image in self._images]
            self._save("segments.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _of(self, image_id: int) -> list[dict[str, Any]]:
        return [instance for instance in self._instances if instance["image_id"] == image_id]

    def _list(self, name: str, shape: tuple[int, int], segments: Sequence[HasMask], labels: Mapping[int, str]) -> None:
        image_id = len(self._images) + 1
        self._images.append({"id": image_id, "file_name": name, "width": shape[1], "height": shape[0]})
        for segment in segments:
            category = self._categories.setdefault(labels.get(segment.object_id, "object"), len(self._categories) + 1)
            x0, y0, x1, y1 = segment.box or (0, 0, 0, 0)
            counts = encode(segment.mask, (0, 0, shape[1], shape[0]), "rle").decode()
            self._instances.append(
                {
                    "id": len(self._instances) + 1,
                    "image_id": image_id,
                    "object_id": segment.object_id,
                    "category_id": category,
                    "segmentation": {"size": list(shape), "counts": counts},
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": int(segment.mask.sum()),
                    "iscrowd": 0,
                    "score": round(segment.score, 4),
                }
            )

    def _write(self, name: str, image: NDArray[Any]) -> Path:
        return self._save(name, cv2.imencode(Path(name).suffix, image)[1].tobytes())

    def _save(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise SinkError(f"{path}: cannot be written: {error.strerror}") from error
        return path


def _check_ids(name: str, segments: Sequence[HasMask]) -> None:
    """Raise SinkError for an id that a label image cannot hold."""
    highest = max((segment.object_id for segment in segments), default=0)
    if highest > LABEL_LIMIT:
        raise SinkError(f"{name}: object {highest} does not fit a PNG file; give it an id up to {LABEL_LIMIT}")
