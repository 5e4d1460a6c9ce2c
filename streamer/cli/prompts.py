"""Prompts as they are written on the command line and in config files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from streamer.config import PromptSettings
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.types import Prompt

BOX_FORM, POINT_FORM, MASK_FORM = "ID:x0,y0,x1,y1", "ID:x,y[,0|1]", "ID:FILE.png"


def parse(boxes: Sequence[str], points: Sequence[str], masks: Sequence[str]) -> list[dict[str, Any]]:
    """Options to prompt settings, one for each object; several points of one object are one prompt.

    Raises UsageError showing the option.
    """
    found: dict[int, dict[str, Any]] = {}
    for text in boxes:
        object_id, rest = _cut("--box", text, BOX_FORM)
        entry = found.setdefault(object_id, {"object_id": object_id})
        if "box" in entry:
            raise UsageError(f"--box {text}: object {object_id} has a box already; give each object one")
        entry["box"] = rest if rest == "truth" else _numbers("--box", text, rest, (4,), BOX_FORM)
    for text in points:
        object_id, rest = _cut("--point", text, POINT_FORM)
        x, y, *label = _numbers("--point", text, rest, (2, 3), POINT_FORM)
        if label and label[0] not in (0.0, 1.0):
            raise UsageError(f"--point {text}: the label is 1 (on the object) or 0 (off it)")
        entry = found.setdefault(object_id, {"object_id": object_id})
        entry.setdefault("points", []).append((x, y, int(label[0]) if label else 1))
    for text in masks:
        object_id, rest = _cut("--mask", text, MASK_FORM)
        if object_id in found:
            raise UsageError(f"--mask {text}: object {object_id} has another prompt already; a mask stands alone")
        found[object_id] = {"object_id": object_id, "mask": rest}
    return list(found.values())


def build(settings: Sequence[PromptSettings], truth: Mapping[int, NDArray[np.bool_]] | None) -> list[Prompt]:
    """Prompts of settings; `truth` are a scene's masks on its first frame. Raises UsageError or CommandError."""
    ids = [entry.object_id for entry in settings]
    for object_id in ids:
        if ids.count(object_id) > 1:
            raise UsageError(f"prompts: object {object_id} is there twice; give each object one prompt")
    return [_prompt(entry, truth) for entry in settings]


@dataclass(frozen=True, slots=True)
class Asked:
    """Prompts for several pictures: those of the options are for each, those of a file for the one that it names."""

    everywhere: Sequence[PromptSettings]
    named: Mapping[str, Sequence[PromptSettings]]

    @classmethod
    def of(cls, given: argparse.Namespace) -> Asked:
        """Of the options --box, --point, --mask and --prompts; raises UsageError."""
        everywhere = [PromptSettings(**entry) for entry in parse(given.box, given.point, given.mask)]
        named = read_file(Path(given.prompts)) if given.prompts else {}
        return cls(everywhere, named)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.named)

    def names(self) -> set[str]:
        return set(self.named) - {"*"}

    def on(self, name: str) -> list[Prompt]:
        """The prompts for one picture; raises UsageError or CommandError."""
        return build([*self.everywhere, *self.named.get("*", ()), *self.named.get(name, ())], None)


def read_file(path: Path) -> dict[str, list[PromptSettings]]:
    """Prompts of a JSON file, `{"cat.jpg": [{"object_id": 1, "box": [x0, y0, x1, y1], "points": [[x, y, 1]]}]}`.

    Keys are pictures (`*` is every one) or numbers of frames. Raises UsageError naming the file and the key.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error
    if not isinstance(raw, dict) or not all(isinstance(entries, list) for entries in raw.values()):
        raise UsageError(f'{path}: is an object of lists, such as {{"cat.jpg": [{{"object_id": 1, "box": [...]}}]}}')
    try:
        return {key: [PromptSettings.model_validate(entry) for entry in entries] for key, entries in raw.items()}
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise UsageError(f"{path}: {place or 'a prompt'}: {problem['msg']}, not {problem['input']!r}") from error


def remote(given: Sequence[dict[str, Any]], mode: Literal["refine", "replace"]) -> list[Prompt]:
    """Prompts for a running pipeline, where no truth is known."""
    return [_prompt(PromptSettings(**entry), None, mode) for entry in given]


def _prompt(
    entry: PromptSettings, truth: Mapping[int, NDArray[np.bool_]] | None, mode: Literal["refine", "replace"] = "refine"
) -> Prompt:
    box = _true_box(entry.object_id, truth) if entry.box == "truth" else entry.box
    return Prompt(
        entry.object_id,
        points=tuple((x, y) for x, y, _ in entry.points),
        labels=tuple(label for _, _, label in entry.points),
        box=box,
        mask=None if entry.mask is None else read_mask(entry.mask),
        mode=mode,
    )


def _true_box(object_id: int, truth: Mapping[int, NDArray[np.bool_]] | None) -> tuple[float, float, float, float]:
    if truth is None:
        raise UsageError(f"--box {object_id}:truth: only a scene: source knows the truth; give {BOX_FORM}")
    if object_id not in truth:
        raise UsageError(f"--box {object_id}:truth: the scene has objects {', '.join(map(str, truth))}")
    box = box_of(truth[object_id])
    if box is None:
        raise UsageError(f"--box {object_id}:truth: that object is not visible on the first frame; try another seed")
    return box


def read_mask(path: Path) -> NDArray[np.bool_]:
    """A mask picture: what is not black (or not transparent, or palette entry 0) is the object."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UsageError(f"--mask {path}: cannot be read as a picture")
    return np.ascontiguousarray(image > 0 if image.ndim == 2 else image[..., :3].max(axis=2) > 0)


def _cut(option: str, text: str, form: str) -> tuple[int, str]:
    object_id, found, rest = text.partition(":")
    if not found or not object_id.isdecimal() or not rest:
        raise UsageError(f"{option} {text}: write {form}")
    return int(object_id), rest


def _numbers(option: str, text: str, rest: str, counts: tuple[int, ...], form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in rest.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in counts:
        raise UsageError(f"{option} {text}: write {form}")
    return numbers
