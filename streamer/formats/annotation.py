"""One annotation of a file, and what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from streamer.errors import CommandError, UsageError
from streamer.types import Prompt, checked_id


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One object on one frame of a file; without an id it is an object of its own."""

    index: int
    object_id: int | None
    decode: Callable[[], Prompt]
    where: str  # what messages call it

    def prompt(self) -> Prompt:
        """Raises UsageError for a shape that is none."""
        try:
            return replace(self.decode(), object_id=self.object_id)
        except (CommandError, ValueError, KeyError, TypeError, IndexError) as error:
            raise UsageError(f"{self.where}: {error}") from error


@dataclass(frozen=True, slots=True)
class Footage:
    """What prompts are for: how many frames there are, and their size."""

    count: int
    width: int
    height: int

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.width, self.height


def id_of(value: Any, where: str) -> int | None:
    """An object's id of a file, which may be text or missing; raises UsageError."""
    if value is None or value == "":
        return None
    try:
        return checked_id(int(value))
    except (CommandError, TypeError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from error
