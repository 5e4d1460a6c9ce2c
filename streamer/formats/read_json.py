"""COCO and YouTube-VIS as annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from streamer.errors import UsageError
from streamer.formats.annotation import Annotation, Footage, id_of
from streamer.formats.outlines import filled
from streamer.masks import Mask, decode
from streamer.types import Prompt


def of_document(document: Mapping[str, Any], path: Path, footage: Footage) -> Iterator[Annotation]:
    """The annotations of a COCO or YouTube-VIS document; raises UsageError."""
    try:
        if "videos" in document and any("segmentations" in entry for entry in document["annotations"]):
            yield from _of_ytvis(document, path, footage)
        else:
            yield from _of_coco(document, path, footage)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: an entry is missing or of another kind: {error}") from error


def _of_coco(document: Mapping[str, Any], path: Path, footage: Footage) -> Iterator[Annotation]:
    frames = _frames(document["images"], path, footage)
    for entry in document["annotations"]:
        where = f"{path}: annotation {entry.get('id')}"
        if entry["image_id"] not in frames:
            raise UsageError(f"{where}: image {entry['image_id']!r} is not in the file")
        given = {**entry, **entry.get("attributes", {})}
        number = next((given[key] for key in ("track_id", "instance_id") if given.get(key) is not None), None)
        shape = partial(shape_of, entry.get("segmentation"), entry.get("bbox"), footage)
        yield Annotation(frames[entry["image_id"]], id_of(number, where), shape, where)


def _of_ytvis(document: Mapping[str, Any], path: Path, footage: Footage) -> Iterator[Annotation]:
    for number, entry in enumerate(document["annotations"], 1):
        where = f"{path}: annotation {entry.get('id')}"
        object_id = id_of(entry.get("instance_id", entry.get("id", number)), where)
        boxes = entry.get("bboxes") or [None] * len(entry["segmentations"])
        for index, (segmentation, box) in enumerate(zip(entry["segmentations"], boxes, strict=True)):
            if segmentation is not None:
                shape = partial(shape_of, segmentation, box, footage)
                yield Annotation(index, object_id, shape, f"{where}, frame {index}")


def _frames(images: Sequence[Mapping[str, Any]], path: Path, footage: Footage) -> dict[Any, int]:
    """The frame of each image: `frame_id`, or the place among as many images as frames, or the number in its name."""
    if all(isinstance(image.get("frame_id"), int) for image in images):
        return {image["id"]: image["frame_id"] for image in images}
    ordered = sorted(images, key=lambda image: str(image["file_name"]))
    if len(ordered) == footage.count:
        return {image["id"]: index for index, image in enumerate(ordered)}
    numbers = {image["id"]: re.search(r"(\d+)\D*$", str(image["file_name"])) for image in images}
    if not all(numbers.values()):
        raise UsageError(f"{path}: images have no `frame_id`, and no number in `file_name`: their frames are not known")
    return {image_id: int(match[1]) for image_id, match in numbers.items() if match}


def shape_of(segmentation: Any, box: Sequence[float] | None, footage: Footage) -> Prompt:
    """A mask of run lengths or polygons, or else the box."""
    if segmentation:
        return Prompt(mask=mask_of(segmentation, footage))
    if not box:
        raise ValueError("has neither a segmentation nor a bbox")
    x, y, width, height = box
    return Prompt(box=(x, y, x + width, y + height))


def mask_of(segmentation: Any, footage: Footage) -> Mask:
    """A mask of COCO's run lengths (compressed or not) or of polygons; raises ValueError."""
    if isinstance(segmentation, list):
        rings = [np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in segmentation]
        return filled(rings, footage.width, footage.height)
    height, width = segmentation["size"]
    if (width, height) != footage.size_wh:
        raise ValueError(f"the mask is {width} x {height}, the frames are {footage.width} x {footage.height}")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        counts = coco.frPyObjects(dict(segmentation), height, width)["counts"].decode()
    return decode(counts.encode(), (0, 0, width, height), "rle", (width, height))
