"""Commands as JSON, for peers that have no msgpack: ROS, Foxglove, and logs.

The fields are those of docs/wire-format.md; a mask is COCO's `{"size": [height, width], "counts": "..."}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.bus.messages import MAX_PIXELS
from streamer.bus.requests import MAX_COMMANDS, command_fields, command_of
from streamer.errors import CommandError, WireError
from streamer.masks import Mask, decode, encode
from streamer.types import Ack, Applied, Command, Prompt


def json_fields(command: Command) -> dict[str, Any]:
    """A command as plain values."""
    fields = command_fields(command)
    if isinstance(command, Prompt) and command.mask is not None:
        height, width = command.mask.shape
        counts = encode(command.mask, (0, 0, width, height), "rle").decode()
        fields["mask"] = {"size": [height, width], "counts": counts}
    return fields


def commands_of(text: str | bytes) -> tuple[Command, ...]:
    """The commands of a JSON text: one, a list, or `{"commands": [...]}`. Raises WireError or CommandError."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the command is not JSON: {error}") from error
    if isinstance(given, dict) and "commands" in given:
        given = given["commands"]
    entries = given if isinstance(given, list) else [given]
    if not 1 <= len(entries) <= MAX_COMMANDS:
        raise WireError(f"commands must be a list of 1 to {MAX_COMMANDS}")
    return tuple(command_in(entry) for entry in entries)


def command_in(entry: object) -> Command:
    """One command of plain values; raises WireError or CommandError."""
    if isinstance(entry, dict) and entry.get("verb") == "prompt" and entry.get("mask") is not None:
        mask = _mask(entry["mask"])
        height, width = mask.shape
        packed = {"size": [width, height], "data": encode(mask, (0, 0, width, height), "bits")}
        return command_of({**entry, "mask": packed})
    return command_of(entry)


def _mask(fields: Any) -> Mask:
    try:
        height, width = (int(side) for side in fields["size"])
        if not (min(height, width) >= 1 and height * width <= MAX_PIXELS):
            raise CommandError(f"a mask of {width} x {height} pixels")
        return decode(str(fields["counts"]).encode(), (0, 0, width, height), "rle", (width, height))
    except (TypeError, ValueError, KeyError) as error:
        raise CommandError(f"bad field in prompt: a mask is size and counts, as COCO has it: {error}") from error


def ack_json(ack: Ack, request_id: object = None) -> str:
    """The answer to a command, as JSON; with the id that the sender gave, if it did."""
    fields: dict[str, Any] = {
        "ok": ack.error is None,
        "error": ack.error,
        "index": ack.index,
        "epoch": ack.epoch,
        "object_ids": list(ack.object_ids),
    }
    return json.dumps(fields | ({} if request_id is None else {"request_id": request_id}))


def request_id_of(text: str | bytes) -> object:
    """The `request_id` that a sender gave beside `commands`; None where there is none."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return given.get("request_id") if isinstance(given, Mapping) else None


def applied_fields(applied: Sequence[Applied]) -> list[dict[str, Any]]:
    """Commands with the frames on which they took effect."""
    return [
        {"index": one.index, "epoch": one.epoch, "commands": [json_fields(command) for command in one.commands]}
        for one in applied
    ]


def applied_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Applied, ...]:
    """What `applied_fields` made; raises WireError, CommandError, KeyError, TypeError or ValueError."""
    return tuple(
        Applied(int(entry["index"]), int(entry["epoch"]), tuple(command_in(fields) for fields in entry["commands"]))
        for entry in entries
    )
