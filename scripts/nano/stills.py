"""The photographs that training draws from: whole pictures with instance masks, and cut-outs sorted by kind."""

from __future__ import annotations

import csv
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Plane = NDArray[np.float32]

KEPT_ASIDE = 12  # one photograph in so many is never trained on: the made test set is cut from those
IGNORED = 255  # in the masks of `train-more`
SMALLEST_SHARE = 0.01  # of its picture: what is smaller is too coarse to be cut out
ONE_PIECE = 0.75  # of an instance's area in its largest piece: what is in pieces was hidden by something
NEWER = 2 / 3  # of the pictures come from `train-more`
PREFIX_KINDS = {"ccp": "person", "anau": "thing"}  # `train-objects` says the kind in the file's name


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph and its instance masks; `kinds` by id, where they are known."""

    image: Path
    mask: Path
    kinds: dict[int, str] = field(default_factory=dict)
    ignored: int | None = None

    def read(self) -> tuple[Image, NDArray[np.uint8]]:
        """The RGB picture and its ids, 0 where nothing is marked; raises ValueError naming the file."""
        ids = cv2.imread(str(self.mask), cv2.IMREAD_UNCHANGED)
        if ids is None:
            raise ValueError(f"{self.mask}: cannot be read as a mask")
        ids = ids if ids.ndim == 2 else ids[..., 0]
        return read(self.image), np.where(ids == self.ignored, 0, ids).astype(np.uint8) if self.ignored else ids


@dataclass(frozen=True, slots=True)
class Instance:
    """One whole object in a picture, large enough to be cut out."""

    picture: Picture
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Stills:
    """All pictures, and the instances of each kind, of one side of the split."""

    backgrounds: tuple[Path, ...]
    older: tuple[Picture, ...]
    newer: tuple[Picture, ...]
    kinds: dict[str, tuple[Instance, ...]]

    @classmethod
    def under(cls, root: Path, *, kept_aside: bool = False) -> Stills:
        """The layout of the team's data folder; raises FileNotFoundError naming what is missing.

        `kept_aside` gives the photographs that training never sees, in place of those that it does.
        """
        backgrounds = tuple(sorted((root / "train-frames").glob("*.jpg")))
        if not backgrounds:
            raise FileNotFoundError(f"{root / 'train-frames'}: no .jpg pictures there to train on")
        older, newer = list[Picture](), list[Picture]()
        by_kind: dict[str, list[Instance]] = {}
        for folder in _sets(root):
            pictures = {picture.image.stem: picture for picture in _pictures(folder, kept_aside)}
            (older if folder.name == "train-objects" else newer).extend(pictures.values())
            for instance in _instances(folder, pictures):
                by_kind.setdefault(instance.kind, []).append(instance)
        return cls(backgrounds, tuple(older), tuple(newer), {k: tuple(v) for k, v in sorted(by_kind.items())})

    def background(self, rng: random.Random) -> Image:
        if rng.random() < 0.65:
            return read(rng.choice(self.backgrounds))
        return read(self._picture(rng).image)

    def picture(self, rng: random.Random) -> tuple[Picture, Image, NDArray[np.uint8]]:
        """A picture with its ids."""
        picture = self._picture(rng)
        return picture, *picture.read()

    def kind(self, rng: random.Random, *, at_least: int = 1) -> str:
        """A kind with so many instances; frequent ones are chosen more often, though not in proportion."""
        names = [name for name, instances in self.kinds.items() if len(instances) >= at_least]
        if not names:
            raise ValueError(f"no kind has {at_least} objects to cut out")
        (name,) = rng.choices(names, [len(self.kinds[name]) ** 0.5 for name in names])
        return name

    def instances(self, rng: random.Random, kind: str, count: int) -> list[Instance]:
        """Different instances of one kind, as many of them as there are."""
        known = self.kinds[kind]
        return rng.sample(known, min(count, len(known)))

    def _picture(self, rng: random.Random) -> Picture:
        newer = self.newer and (not self.older or rng.random() < NEWER)
        return rng.choice(self.newer if newer else self.older)


def is_kept_aside(path: Path) -> bool:
    """Whether a photograph belongs to the made test set; its name alone decides."""
    return zlib.crc32(path.stem.encode()) % KEPT_ASIDE == 0


def read(path: Path) -> Image:
    """An RGB picture; raises ValueError naming the file."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image")
    return np.ascontiguousarray(image[..., ::-1])


def _sets(root: Path) -> list[Path]:
    folders = [root / "train-objects", *sorted(path for path in (root / "train-more").glob("*") if path.is_dir())]
    for folder in folders:
        if not (folder / "images").is_dir():
            raise FileNotFoundError(f"{folder / 'images'}: no .jpg pictures there to train on")
    return folders


def _pictures(folder: Path, kept_aside: bool) -> Iterator[Picture]:
    older = folder.name == "train-objects"
    named = {} if older else {row["stem"]: _named(row["kinds"]) for row in _rows(folder / "images.csv")}
    for path in sorted((folder / "images").glob("*.jpg")):
        if is_kept_aside(path) == kept_aside:
            mask = folder / "masks" / f"{path.stem}.png"
            yield Picture(path, mask, named.get(path.stem, {}), None if older else IGNORED)


def _instances(folder: Path, pictures: dict[str, Picture]) -> Iterator[Instance]:
    for row in _rows(folder / "instances.csv"):
        picture, number = pictures.get(row["stem"]), int(row["id"])
        whole = row["touches_border"] == "0" and float(row["largest_component_frac"]) >= ONE_PIECE
        if picture is not None and whole and float(row["area_frac"]) >= SMALLEST_SHARE:
            prefix = row["stem"].split("_")[0]
            yield Instance(picture, number, picture.kinds.get(number) or PREFIX_KINDS.get(prefix, prefix))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        raise FileNotFoundError(f"{path}: missing; it says what can be cut out of the pictures beside it")
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def _named(kinds: str) -> dict[int, str]:
    """`1:car;2:person` as a dictionary."""
    pairs = (part.split(":", 1) for part in kinds.split(";") if ":" in part)
    return {int(number): name for number, name in pairs}
