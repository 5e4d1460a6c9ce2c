"""Commands and their answers as bytes, and back; no I/O. The format is written down in docs/wire-format.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from streamer.bus.messages import MAX_PART, MAX_PIXELS, VERSION, unpack_map
from streamer.errors import CommandError, WireError
from streamer.masks import Mask, decode, encode
from streamer.types import Ack, Command, Find, Pause, Prompt, Remove, Reset, Resume, Undo

MAX_COMMAND = MAX_PART
MAX_COMMANDS = 64
PLAIN_VERBS: dict[str, type[Reset | Pause | Resume | Find]] = {
    "reset": Reset,
    "pause": Pause,
    "resume": Resume,
    "find": Find,
}
PROMPT_FIELDS = {"verb", "object_id", "points", "labels", "box", "mask", "mode"}


def pack_request(commands: Sequence[Command]) -> bytes:
    """Commands that take effect together, as one ZeroMQ frame."""
    packed: bytes = msgpack.packb({"v": VERSION, "commands": [command_fields(command) for command in commands]})
    return packed


def pack_status_request() -> bytes:
    packed: bytes = msgpack.packb({"v": VERSION, "commands": [{"verb": "status"}]})
    return packed


def command_fields(command: Command) -> dict[str, Any]:
    """A command as values that msgpack takes."""
    match command:
        case Prompt():
            fields: dict[str, Any] = {"verb": "prompt", "mode": command.mode}
            if command.object_id is not None:
                fields["object_id"] = command.object_id
            if command.points:
                fields |= {"points": command.points, "labels": command.labels}
            if command.box is not None:
                fields["box"] = command.box
            if command.mask is not None:
                height, width = command.mask.shape
                data = encode(command.mask, (0, 0, width, height), "bits")
                fields["mask"] = {"size": [width, height], "data": data}
            return fields
        case Remove(object_id):
            return {"verb": "remove", "object_id": object_id}
        case Undo(object_id):
            return {"verb": "undo", "object_id": object_id}
        case Reset():
            return {"verb": "reset"}
        case Pause():
            return {"verb": "pause"}
        case Resume():
            return {"verb": "resume"}
        case Find():
            return {"verb": "find"}


def unpack_request(data: bytes) -> tuple[Command, ...] | None:
    """The commands of a request, or None for a status request.

    Raises WireError for bytes that are no request, CommandError for a command that makes no sense.
    """
    if len(data) > MAX_COMMAND:
        raise WireError(f"a request of {len(data)} bytes; at most {MAX_COMMAND} are taken")
    fields = unpack_map(data, "request")
    if fields.get("v") != VERSION:
        raise WireError(f"request of version {fields.get('v')!r}; this server has version {VERSION}: update one side")
    entries = fields.get("commands")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_COMMANDS:
        raise WireError(f"commands must be a list of 1 to {MAX_COMMANDS}")
    if entries == [{"verb": "status"}]:
        return None
    return tuple(command_of(entry) for entry in entries)


def command_of(entry: object) -> Command:
    """One command of its fields; raises WireError unless it is a map, CommandError for one that makes no sense."""
    if not isinstance(entry, dict):
        raise WireError(f"a command is a map, not {type(entry).__name__}")
    verb = entry.get("verb")
    match verb:
        case "prompt":
            _only(entry, PROMPT_FIELDS)
            return _prompt(entry)
        case "remove":
            _only(entry, {"verb", "object_id"})
            return Remove(entry.get("object_id"))  # type: ignore[arg-type] # Remove checks it
        case "undo":
            _only(entry, {"verb", "object_id"})
            return Undo(entry.get("object_id"))  # type: ignore[arg-type] # Undo checks it
        case "reset" | "pause" | "resume" | "find":
            _only(entry, {"verb"})
            return PLAIN_VERBS[verb]()
        case _:
            raise CommandError(
                f"unknown verb {verb!r:.40}; known: prompt, remove, undo, reset, pause, resume, find, status"
            )


def _only(entry: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(entry) - known:
        raise CommandError(f"unknown field {min(unknown)!r:.40} in {entry['verb']}; known: {', '.join(sorted(known))}")


def _prompt(entry: Mapping[str, Any]) -> Prompt:
    try:
        return Prompt(
            object_id=entry.get("object_id"),
            points=tuple((float(x), float(y)) for x, y in entry.get("points", ())),
            labels=tuple(entry.get("labels", ())),
            box=None if entry.get("box") is None else _four(entry["box"]),
            mask=None if entry.get("mask") is None else _mask(entry["mask"]),
            mode=entry.get("mode", "refine"),
        )
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise CommandError(f"bad field in prompt: {error}") from error


def _four(values: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in values)
    return x0, y0, x1, y1


def _mask(fields: Mapping[str, Any]) -> Mask:
    width, height = (int(value) for value in fields["size"])
    if not (min(width, height) >= 1 and width * height <= MAX_PIXELS):
        raise ValueError(f"a mask of {width} x {height} pixels")
    try:
        return decode(fields["data"], (0, 0, width, height), "bits", (width, height))
    except (TypeError, ValueError) as error:
        raise ValueError(f"its mask is not packed bits of {width} x {height}") from error


def pack_ack(ack: Ack) -> bytes:
    fields = {"error": ack.error, "index": ack.index, "epoch": ack.epoch, "object_ids": ack.object_ids}
    packed: bytes = msgpack.packb({"v": VERSION, "ok": ack.error is None, **fields})
    return packed


def pack_status(status: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb({"v": VERSION, "ok": True, "status": status})
    return packed


def unpack_reply(data: bytes) -> dict[str, Any]:
    """The answer to a request; raises WireError."""
    fields = unpack_map(data, "reply")
    if fields.get("v") != VERSION or "ok" not in fields:
        raise WireError(f"reply of version {fields.get('v')!r}; this client has version {VERSION}")
    return fields
