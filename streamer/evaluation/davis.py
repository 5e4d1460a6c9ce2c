"""Data sets in DAVIS layout, and a tracker's scores on them.

`ROOT/JPEGImages/480p/<sequence>/00000.jpg`, `ROOT/Annotations/480p/<sequence>/00000.png` (the pixel is the object's id,
0 is nothing) and, where pixels are to be ignored, `ROOT/Void/480p/<sequence>/00000.png`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streamer.errors import UsageError
from streamer.evaluation.scores import boundary, region
from streamer.masks import Mask, box_of, deepest_point
from streamer.types import Frame, Prompt

PromptKind = Literal["mask", "box", "point"]
Follow = Callable[[Frame, Sequence[Prompt]], dict[int, Mask]]  # masks by object id


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: its pictures, and the folders of its annotations."""

    name: str
    frames: tuple[Path, ...]
    annotations: Path
    void: Path

    def labels(self, frame: Path) -> NDArray[np.uint8]:
        """Object ids, H x W; raises UsageError naming the file."""
        return _indices(self.annotations / f"{frame.stem}.png")

    def ignored(self, frame: Path) -> Mask | None:
        path = self.void / f"{frame.stem}.png"
        return _indices(path) == 255 if path.exists() else None

    def pictures(self) -> Iterator[tuple[Path, Frame]]:
        for index, path in enumerate(self.frames):
            image = cv2.imread(str(path))
            if image is None:
                raise UsageError(f"{path}: cannot be read as a picture")
            yield path, Frame.from_image(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index=index, source=self.name)


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the frames of one object, without the frame it is prompted on and the clip's last, as DAVIS does."""

    sequence: str
    object_id: int
    j: float
    f: float
    frames: int

    @property
    def jf(self) -> float:
        return (self.j + self.f) / 2


def sequences(root: Path, names: Sequence[str] = ()) -> list[Clip]:
    """The clips under a root; raises UsageError where it has none, or not that one."""
    folders = sorted(path for path in (root / "JPEGImages" / "480p").glob("*") if path.is_dir())
    if not folders:
        raise UsageError(f"{root}: no clips in JPEGImages/480p; give a folder in DAVIS layout")
    known = {folder.name: folder for folder in folders}
    for name in names:
        if name not in known:
            raise UsageError(f"{root}: no clip {name!r}; there are {', '.join(known)}")
    return [
        Clip(
            name,
            tuple(sorted(folder.glob("*.jpg"))),
            root / "Annotations" / "480p" / name,
            root / "Void" / "480p" / name,
        )
        for name, folder in known.items()
        if not names or name in names
    ]


def evaluate(clip: Clip, follow: Follow, kind: PromptKind) -> list[Score]:
    """Scores of one clip: each object is prompted from the truth on its own first frame."""
    scores: dict[int, list[tuple[float, float]]] = {}
    for path, frame in clip.pictures():
        labels, void = clip.labels(path), clip.ignored(path)
        new = [int(n) for n in np.unique(labels) if n and n != 255 and n not in scores]
        found = follow(frame, [prompt(number, labels == number, kind) for number in new])
        for number, values in scores.items():
            true = labels == number
            mask = found.get(number, np.zeros_like(true))
            values.append((region(mask, true, void), boundary(mask, true, void)))
        scores |= {number: [] for number in new}
    return [_mean(clip.name, number, values[:-1]) for number, values in scores.items() if len(values) > 1]


def _mean(name: str, object_id: int, values: list[tuple[float, float]]) -> Score:
    j, f = np.mean(values, axis=0)
    return Score(name, object_id, float(j), float(f), len(values))


def prompt(object_id: int, true: Mask, kind: PromptKind) -> Prompt:
    """The truth as a user would point at it."""
    if kind == "mask":
        return Prompt(object_id, mask=true)
    if kind == "box":
        return Prompt(object_id, box=box_of(true))
    return Prompt(object_id, points=(deepest_point(true),), labels=(1,))


def _indices(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            indices = np.asarray(image)
    except OSError as error:
        raise UsageError(f"{path}: the annotation cannot be read: {error}") from error
    return indices if indices.ndim == 2 else indices[..., 0]
