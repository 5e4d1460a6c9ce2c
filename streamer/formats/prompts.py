"""Annotations of other tools as prompts: COCO, YouTube-VIS, CVAT, DAVIS, MOTS and YOLO.

An annotation is read without its mask at first, so that a file of thousands costs little.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from streamer.errors import UsageError
from streamer.formats import read_boxes, read_images, read_json
from streamer.formats.annotation import Annotation, Footage
from streamer.types import Prompt

log = logging.getLogger(__name__)
Which = Literal["first", "all"]


def is_annotations(path: Path) -> bool:
    """Whether a path holds annotations of another tool, rather than this project's own prompts."""
    return (
        path.is_dir() or path.suffix.lower() in (".xml", ".txt") or (path.suffix == ".json" and bool(_document(path)))
    )


def read_prompts(path: Path, footage: Footage, which: Which) -> dict[int, list[Prompt]]:
    """Prompts by frame: of each object's first annotation, or of all. Raises UsageError.

    Annotations beyond the last frame are left out, and counted in the log.
    """
    found = list(_annotations(path, footage))
    inside = [annotation for annotation in found if 0 <= annotation.index < footage.count]
    if not inside:
        raise UsageError(f"{path}: no annotation in it is of frames 0 to {footage.count - 1}")
    if len(inside) < len(found):
        log.warning("%s: %d annotations are of frames that are not there", path, len(found) - len(inside))
    ordered = _with_ids(sorted(inside, key=lambda annotation: annotation.index))
    used = ordered if which == "all" else list({a.object_id: a for a in reversed(ordered)}.values())
    if len(used) < len(ordered):
        log.info("%s: each object's first annotation is a prompt; --prompt-frames all uses all %d", path, len(ordered))
    return _by_frame(used)


def _by_frame(annotations: list[Annotation]) -> dict[int, list[Prompt]]:
    prompts: dict[int, list[Prompt]] = {}
    for annotation in sorted(annotations, key=lambda a: (a.index, a.object_id or 0)):
        here = prompts.setdefault(annotation.index, [])
        if any(prompt.object_id == annotation.object_id for prompt in here):
            raise UsageError(f"{annotation.where}: object {annotation.object_id} is there twice on this frame")
        here.append(annotation.prompt())
    return prompts


def _with_ids(annotations: list[Annotation]) -> list[Annotation]:
    """Annotations without an id become objects above all others."""
    highest = max((a.object_id for a in annotations if a.object_id is not None), default=0)
    numbered = []
    for annotation in annotations:
        if annotation.object_id is None:
            highest += 1
            numbered.append(replace(annotation, object_id=highest))
        else:
            numbered.append(annotation)
    return numbered


def _annotations(path: Path, footage: Footage) -> Iterator[Annotation]:
    if path.is_dir():
        return read_images.of_folder(path, footage, lambda file: _annotations(file, footage))
    if path.suffix.lower() == ".xml":
        return read_boxes.of_cvat(path, footage)
    if path.suffix.lower() == ".txt":
        return read_boxes.of_mots(path, footage)
    document = _document(path)
    if document is None:
        raise UsageError(f"{path}: holds no annotations; use COCO or YouTube-VIS JSON, CVAT XML, MOTS text or a folder")
    return read_json.of_document(document, path, footage)


def _document(path: Path) -> Mapping[str, Any] | None:
    """A JSON document with annotations; None for any other file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, UnicodeDecodeError):
        return None
    known = isinstance(document, dict) and isinstance(document.get("annotations"), list)
    return document if known else None
