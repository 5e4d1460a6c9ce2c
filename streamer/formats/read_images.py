"""Folders as annotations: label images of DAVIS and MOTS, labels of YOLO, and folders with a document in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from streamer.errors import UsageError
from streamer.formats.annotation import Annotation, Footage
from streamer.formats.label_images import DAVIS_VOID, MOTS_INSTANCES
from streamer.formats.outlines import filled
from streamer.types import Prompt

DOCUMENTS = ("annotations/instances_default.json", "instances.json", "annotations.xml", "annotations.json")


def of_folder(folder: Path, footage: Footage, of_file: Callable[[Path], Iterator[Annotation]]) -> Iterator[Annotation]:
    """The annotations of a folder as this project and other tools write them; raises UsageError."""
    for name in DOCUMENTS:
        if (folder / name).exists():
            return of_file(folder / name)
    if labels := sorted(folder.glob("labels/**/*.txt")):
        return _of_yolo(labels, footage)
    for pattern in ("*.png", "*/instances/*.png", "Annotations/*/*/*.png"):
        if images := sorted(folder.glob(pattern)):
            _check_one_clip(folder, images)
            return _of_labels(images, footage)
    raise UsageError(f"{folder}: no annotations there: no PNG, no labels/*.txt, none of {', '.join(DOCUMENTS)}")


def _check_one_clip(folder: Path, images: list[Path]) -> None:
    if len({image.parent for image in images}) > 1:
        raise UsageError(f"{folder}: holds several clips; name the folder of one, such as {images[0].parent}")


def _of_labels(images: list[Path], footage: Footage) -> Iterator[Annotation]:
    for place, path in enumerate(images):
        labels = read_labels(path)
        index = int(path.stem) if path.stem.isdecimal() else place
        if labels.shape != (footage.height, footage.width):
            height, width = labels.shape
            raise UsageError(f"{path}: is {width} x {height}, the frames are {footage.width} x {footage.height}")
        for value in np.unique(labels):
            object_id = int(value) % MOTS_INSTANCES if labels.dtype == np.uint16 else int(value)
            if object_id and not (labels.dtype == np.uint8 and value == DAVIS_VOID):
                shape = partial(_labelled_prompt, path, int(value))
                yield Annotation(index, object_id, shape, f"{path}: object {object_id}")


def _labelled_prompt(path: Path, value: int) -> Prompt:
    return Prompt(mask=read_labels(path) == value)


def read_labels(path: Path) -> np.ndarray:
    """The values of a label image, H x W: palette indices, grey levels or 16 bits. Raises UsageError."""
    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as an image: {error}") from error
    if values.ndim != 2:
        raise UsageError(f"{path}: is a colour image; a label image has one value a pixel")
    return values.astype(np.uint16 if values.max() > DAVIS_VOID else np.uint8)


def _of_yolo(labels: list[Path], footage: Footage) -> Iterator[Annotation]:
    for place, path in enumerate(labels):
        index = int(path.stem) if path.stem.isdecimal() else place
        ids = _ids_beside(path)
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            where = f"{path}: line {row + 1}"
            object_id = ids[row] if row < len(ids) else None
            yield Annotation(index, object_id, partial(_yolo_prompt, line, footage), where)


def _ids_beside(path: Path) -> list[int]:
    """The ids that this project writes beside labels of YOLO; other tools write none."""
    parts = ["tracks" if part == "labels" else part for part in path.parts]
    file = Path(*parts)
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _yolo_prompt(line: str, footage: Footage) -> Prompt:
    numbers = [float(field) for field in line.split()[1:]]
    if len(numbers) == 4:  # centre, width, height
        x, y, width, height = numbers
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        x0, y0, x1, y1 = (box * (*footage.size_wh, *footage.size_wh)).tolist()
        return Prompt(box=(x0, y0, x1, y1))
    ring = np.asarray(numbers, np.float64).reshape(-1, 2) * footage.size_wh
    return Prompt(mask=filled([ring], footage.width, footage.height))
