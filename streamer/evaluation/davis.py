"""Data sets in DAVIS layout, and a tracker's scores on them.

`ROOT/JPEGImages/480p/<sequence>/00000.jpg`, `ROOT/Annotations/480p/<sequence>/00000.png` (the pixel is the object's id,
0 is nothing) and, where pixels are to be ignored, `ROOT/Void/480p/<sequence>/00000.png`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streamer.errors import UsageError
from streamer.evaluation.identity import Identity, Sighting, identity
from streamer.evaluation.scores import Series, boundary, region
from streamer.masks import Mask, box_of, deepest_point
from streamer.types import Frame, Prompt

PromptKind = Literal["mask", "box", "point"]
Masks = dict[int, Mask]  # by object id
Answers = dict[int, "Answer"]  # by object id
Follow = Callable[[Frame, Sequence[Prompt]], Answers]
Observer = Callable[[int, Masks, float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A tracker's answer about one object on one frame."""

    mask: Mask
    score: float = 1.0
    predicted_iou: float = 1.0


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip: its images, and the folders of its annotations."""

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

    def frame(self, index: int) -> Frame:
        """The frame at that index of the clip; raises UsageError naming the file."""
        image = cv2.imread(str(self.frames[index]))
        if image is None:
            raise UsageError(f"{self.frames[index]}: cannot be read as an image")
        return Frame.from_image(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index=index, source=self.name)


class Player(Protocol):
    """How a clip is played; `evaluation.live.Live` is one."""

    def play(self, clip: Clip, follow: Follow, prompts: Mapping[int, Sequence[Prompt]]) -> Iterator[Answers]:
        """What is on the screen with each frame; the prompts are by frame."""


@dataclass(frozen=True, slots=True)
class Score:
    """One object of one clip, without the frame it is prompted on and the clip's last, as DAVIS does."""

    sequence: str
    object_id: int
    region: Series
    boundary: Series
    sightings: tuple[Sighting, ...] = ()  # every frame after the prompt's

    @property
    def j(self) -> float:
        return self.region.mean

    @property
    def f(self) -> float:
        return self.boundary.mean

    @property
    def jf(self) -> float:
        return (self.j + self.f) / 2

    @property
    def frames(self) -> int:
        return len(self.region.values)

    @property
    def identity(self) -> Identity:
        return identity(self.sightings)


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


def evaluate(
    clip: Clip, follow: Follow, kind: PromptKind, *, live: Player | None = None, observer: Observer | None = None
) -> list[Score]:
    """Scores of one clip: each object is prompted from the truth on its own first frame.

    With `live`, every frame is scored against what a user would have seen with it. `observer` gets each frame's index,
    masks, mean J.
    """
    prompts = _schedule(clip, kind)
    shown = _played(clip, follow, prompts) if live is None else live.play(clip, follow, prompts)
    scores: dict[int, list[tuple[float, float]]] = {}
    sightings: dict[int, list[Sighting]] = {}
    for index, found in enumerate(shown):
        labels, void = clip.labels(clip.frames[index]), clip.ignored(clip.frames[index])
        for number, values in scores.items():
            true = labels == number
            answer = found.get(number, Answer(np.zeros_like(true), score=0.0, predicted_iou=0.0))
            sightings[number].append(_sighting(answer, number, labels, void))
            values.append((sightings[number][-1].iou, boundary(answer.mask, true, void)))
        if observer is not None and scores:
            masks = {number: answer.mask for number, answer in found.items()}
            observer(index, masks, float(np.mean([values[-1][0] for values in scores.values()])))
        for new in prompts.get(index, ()):
            scores[new.known_id], sightings[new.known_id] = [], []
    return [
        _score(clip.name, number, values, sightings[number]) for number, values in scores.items() if len(values) > 1
    ]


def _score(sequence: str, number: int, values: list[tuple[float, float]], sightings: list[Sighting]) -> Score:
    """Without the clip's last frame, as DAVIS does; its sightings are all there."""
    regions, boundaries = zip(*values[:-1], strict=True)
    return Score(sequence, number, Series(regions), Series(boundaries), tuple(sightings))


def _sighting(answer: Answer, number: int, labels: NDArray[np.uint8], void: Mask | None) -> Sighting:
    """An answer beside the truth of all objects."""
    true = labels == number
    others = {int(n) for n in np.unique(labels)} - {0, 255, number}
    mask = answer.mask if void is None else answer.mask & ~void
    return Sighting(
        visible=bool((true if void is None else true & ~void).any()),
        iou=region(answer.mask, true, void),
        on_another=max((region(mask, labels == n, void) for n in others), default=0.0) if mask.any() else 0.0,
        score=answer.score,
        is_shown=bool(mask.any()),
        predicted_iou=answer.predicted_iou,
    )


def _schedule(clip: Clip, kind: PromptKind) -> dict[int, list[Prompt]]:
    """The prompts of each frame on which an object is seen first."""
    known: set[int] = set()
    prompts: dict[int, list[Prompt]] = {}
    for index, path in enumerate(clip.frames):
        labels = clip.labels(path)
        new = {int(n) for n in np.unique(labels) if n and n != 255} - known
        if new:
            prompts[index] = [prompt(number, labels == number, kind) for number in sorted(new)]
            known |= new
    return prompts


def _played(clip: Clip, follow: Follow, prompts: Mapping[int, Sequence[Prompt]]) -> Iterator[Answers]:
    for index in range(len(clip.frames)):
        yield follow(clip.frame(index), prompts.get(index, ()))


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
