"""Whether commands can be carried out on a frame; pure, and shared by all trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamer.errors import CommandError
from streamer.types import Command, Frame, Prompt, Remove, Reset, Undo, numbered


def checked(
    commands: Sequence[Command], frame: Frame, objects: Mapping[int, int], *, highest_id: int, max_objects: int
) -> tuple[Command, ...]:
    """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`.

    `objects` are those of the tracker: for each id the number of prompts that can be undone without removing it.
    """
    commands = numbered(commands, objects, highest_id)
    present, prompted = dict(objects), set[int]()
    for command in commands:
        match command:
            case Prompt(int(object_id)):
                command.check_inside(frame.height, frame.width)
                if object_id in prompted:
                    raise CommandError(f"object {object_id} is prompted twice on one frame; send the second one later")
                prompted.add(object_id)
                present.setdefault(object_id, 0)
            case Remove(object_id) | Undo(object_id):
                _check_present(object_id, present)
                if isinstance(command, Undo) and object_id in prompted:
                    raise CommandError(f"object {object_id} is prompted on the same frame; send the undo later")
                if isinstance(command, Undo) and present[object_id]:
                    present[object_id] -= 1
                else:
                    del present[object_id]
            case Reset():
                present.clear()
            case _:
                raise CommandError(f"{type(command).__name__} is for the pipeline, not for the tracker")
    if len(present) > max_objects:
        raise CommandError(f"{len(present)} objects; at most {max_objects} are tracked: remove one first")
    return commands


def _check_present(object_id: int, present: Mapping[int, int]) -> None:
    if object_id not in present:
        tracked = ", ".join(map(str, sorted(present))) or "none"
        raise CommandError(f"object {object_id} is not tracked; tracked: {tracked}")
