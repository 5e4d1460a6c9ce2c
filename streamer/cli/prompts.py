"""Prompts as they are written on the command line and in config files."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from streamer.config import shipped
from streamer.config.load import checked, problem_of
from streamer.config.prompts import BOX_FORM, build_prompts, prompt_of
from streamer.config.settings import PromptSettings
from streamer.errors import UsageError
from streamer.types import Prompt

POINT_FORM, MASK_FORM = "[ID:]x,y[,0|1]", "[ID:]FILE.png"
Entry = dict[str, Any]  # the fields of one PromptSettings


def parse(boxes: Sequence[str], points: Sequence[str], masks: Sequence[str]) -> list[Entry]:
    """Prompt settings of the options --box, --point and --mask, one for each object.

    Several points with one id are one prompt, and so are all points without an id; each box or mask without an id is a
    new object. Raises UsageError showing the option.
    """
    prompts: dict[object, Entry] = {}
    for text in boxes:
        object_id, rest = _split_id(text)
        entry = _entry(prompts, object_id, key=object_id or f"box {len(prompts)}")
        if "box" in entry:
            raise UsageError(f"--box {text}: object {object_id} has a box already; give each object one")
        entry["box"] = rest if rest == "truth" else _numbers("--box", text, rest, (4,), BOX_FORM)
    for text in points:
        object_id, rest = _split_id(text)
        x, y, *label = _numbers("--point", text, rest, (2, 3), POINT_FORM)
        if label and label[0] not in (0.0, 1.0):
            raise UsageError(f"--point {text}: the label is 1 (on the object) or 0 (off it)")
        entry = _entry(prompts, object_id, key=object_id or "points")
        entry.setdefault("points", []).append((x, y, int(label[0]) if label else 1))
    for text in masks:
        object_id, rest = _split_id(text)
        if not rest:
            raise UsageError(f"--mask {text}: write {MASK_FORM}")
        if object_id in prompts:
            raise UsageError(f"--mask {text}: object {object_id} has another prompt already; a mask stands alone")
        _entry(prompts, object_id, key=object_id or f"mask {len(prompts)}")["mask"] = rest
    return list(prompts.values())


def _entry(prompts: dict[object, Entry], object_id: int | None, *, key: object) -> Entry:
    return prompts.setdefault(key, {} if object_id is None else {"object_id": object_id})


def _split_id(text: str) -> tuple[int | None, str]:
    """`2:rest` as 2 and `rest`; anything else has no id."""
    number, colon, rest = text.partition(":")
    return (int(number), rest) if colon and re.fullmatch("-?[0-9]{1,19}", number) else (None, text)


@dataclass(frozen=True, slots=True)
class ImagePrompts:
    """Prompts for several images: the options' prompts are for each, a file's for the image that it names."""

    everywhere: Sequence[PromptSettings]
    named: Mapping[str, Sequence[PromptSettings]]

    @classmethod
    def of(cls, args: argparse.Namespace) -> ImagePrompts:
        """Of the options --box, --point, --mask and --prompts; raises UsageError."""
        everywhere = [checked(PromptSettings, entry, "prompt") for entry in parse(args.box, args.point, args.mask)]
        named = read_file(Path(args.prompts)) if args.prompts else {}
        return cls(everywhere, named)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.named)

    def names(self) -> set[str]:
        return set(self.named) - {"*"}

    def on(self, name: str) -> list[Prompt]:
        """The prompts for one image; raises UsageError or CommandError."""
        return build_prompts([*self.everywhere, *self.named.get("*", ()), *self.named.get(name, ())], None)


def read_file(path: Path) -> dict[str, list[PromptSettings]]:
    """Prompts of a JSON file, `{"cat.jpg": [{"object_id": 1, "box": [x0, y0, x1, y1], "points": [[x, y, 1]]}]}`.

    Keys are names of images (`*` is every image) or numbers of frames. Raises UsageError naming the file and the key.
    """
    try:
        raw = json.loads(shipped.find(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error
    if not isinstance(raw, dict) or not all(isinstance(entries, list) for entries in raw.values()):
        raise UsageError(f'{path}: is an object of lists, such as {{"cat.jpg": [{{"object_id": 1, "box": [...]}}]}}')
    try:
        return {key: [PromptSettings.model_validate(entry) for entry in entries] for key, entries in raw.items()}
    except ValidationError as error:
        raise UsageError(f"{path}: {problem_of(PromptSettings, error)}") from error


def remote(entries: Sequence[dict[str, Any]], mode: Literal["refine", "replace"]) -> list[Prompt]:
    """Prompts for a running pipeline, where no truth is known; raises UsageError or CommandError."""
    return [prompt_of(checked(PromptSettings, entry, "prompt"), None, mode) for entry in entries]


def _numbers(option: str, text: str, rest: str, counts: tuple[int, ...], form: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in rest.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in counts:
        raise UsageError(f"{option} {text}: write {form}")
    return numbers
