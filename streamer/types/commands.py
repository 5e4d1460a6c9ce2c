"""Commands for a tracker, and requests of several that take effect on one frame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from streamer.errors import CommandError
from streamer.types.ids import allocate_id, checked_id
from streamer.types.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop tracking one object."""

    object_id: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "object_id", checked_id(self.object_id))


@dataclass(frozen=True, slots=True)
class Undo:
    """Go on with an object as if its last prompt had not been; the first one taken back removes the object."""

    object_id: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "object_id", checked_id(self.object_id))


@dataclass(frozen=True, slots=True)
class Reset:
    """Stop tracking all objects."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Frames pass untracked until Resume; what is remembered stays."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Track again after Pause."""


@dataclass(frozen=True, slots=True)
class Find:
    """Look for new objects now, where the run has a finder."""


Command = Prompt | Remove | Undo | Reset | Pause | Resume | Find

C = TypeVar("C", bound=Command)


def numbered(commands: Sequence[C], tracked: Collection[int] = (), highest: int = 0) -> tuple[C, ...]:
    """The commands with an id for each prompt that has none; `highest` is the highest id so far.

    Numbering the commands of a longer list gives those of its beginning the same ids.
    """
    used, answer = set(tracked), list[C]()
    for command in commands:
        if isinstance(command, Prompt):
            object_id = allocate_id(used, highest) if command.object_id is None else command.object_id
            used.add(object_id)
            highest = max(highest, object_id)
            answer.append(command if command.object_id is not None else replace(command, object_id=object_id))
        else:
            answer.append(command)
    return tuple(answer)


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """Commands that took effect together on one frame, each prompt with its object's id."""

    index: int
    epoch: int
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a request: the frame it took effect on, or why it did not."""

    error: str | None = None
    index: int | None = None
    epoch: int | None = None
    object_ids: tuple[int, ...] = ()  # of the request's prompts, in their order


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Commands that take effect on one frame together, or not at all."""

    commands: tuple[Command, ...]
    reply: Callable[[Ack], None]
    withdrawn: Callable[[], bool] = lambda: False  # the sender no longer waits: it must not take effect

    def __post_init__(self) -> None:
        ids = [command.object_id for command in self.commands if isinstance(command, Prompt)]
        for object_id in ids:
            if object_id is not None and ids.count(object_id) > 1:
                raise CommandError(f"object {object_id} is prompted twice in one request; send one prompt for each id")

    @property
    def prompted_ids(self) -> set[int]:
        """Objects with a prompt or an undo in this request: a frame takes one of those for each object."""
        ids = (command.object_id for command in self.commands if isinstance(command, Prompt | Undo))
        return {object_id for object_id in ids if object_id is not None}
