"""Messages and commands as bytes, and back; no I/O. The format is written down in docs/wire-format.md."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from streamer.errors import CommandError, WireError
from streamer.events import Event, ObjectEvent, PlaceEvent, SourceEvent
from streamer.masks import CODECS, Codec, Mask, PixelBox, decode, encode
from streamer.types import Ack, Command, Find, Pause, Prompt, Remove, Reset, Resume, State, TrackResult

VERSION = 1
MAX_MESSAGE = 64 << 20
MAX_COMMAND = 4 << 20  # a full-HD mask is some kilobytes; nothing honest comes near this
MAX_COMMANDS = 64
MAX_SIDE = 16384

PLAIN_VERBS: dict[str, type[Reset | Pause | Resume | Find]] = {
    "reset": Reset,
    "pause": Pause,
    "resume": Resume,
    "find": Find,
}
PROMPT_FIELDS = {"verb", "object_id", "points", "labels", "box", "mask", "mode"}


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMask:
    """One object of a message."""

    object_id: int
    state: State
    score: float
    predicted_iou: float
    box: PixelBox | None
    area: int
    codec: Codec
    data: bytes
    size_wh: tuple[int, int]

    def mask(self) -> Mask:
        """The mask, H x W bool; raises WireError where the bytes are none."""
        try:
            return decode(self.data, self.box, self.codec, self.size_wh)
        except (ValueError, struct.error, IndexError) as error:
            raise WireError(f"object {self.object_id}: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One published message: masks, a JPEG picture of the same frame, or what happened to the source."""

    topic: str
    header: Mapping[str, Any]
    objects: tuple[ObjectMask, ...] = ()
    jpeg: bytes = b""

    @property
    def source(self) -> str:
        return str(self.header["source"])

    @property
    def index(self) -> int:
        return int(self.header["index"])

    @property
    def sequence(self) -> int:
        return int(self.header["sequence"])

    def age_ms(self, now_wall_ns: int) -> float:
        """Milliseconds since the picture was captured, by the wall clock of the machine that asks."""
        return (now_wall_ns - int(self.header["wall_ns"])) / 1e6


def header_of(result: TrackResult, *, sequence: int, dropped: int, published_ns: int) -> dict[str, Any]:
    """What every message says of its frame; `dropped` are the frames lost since the last message of its topic."""
    frame = result.frame
    return {
        "v": VERSION,
        "source": frame.source,
        "index": frame.index,
        "epoch": frame.epoch,
        "sequence": sequence,
        "captured_ns": frame.captured_ns,
        "wall_ns": frame.wall_ns,
        "published_ns": published_ns,
        "pts_s": frame.pts_s,
        "dropped": dropped,
        "gap": [result.gap_frames, result.gap_s],
        "size": [frame.width, frame.height],
        "mask_from": result.source_of_mask,
    }


def pack_masks(topic: str, result: TrackResult, codec: Codec, header: dict[str, Any]) -> bytes:
    """A masks message as one ZeroMQ frame."""
    blobs: list[bytes] = []
    objects = []
    offset = 0
    for track in result.tracks:
        data = encode(track.mask, track.box, codec)
        objects.append(
            {
                "id": track.object_id,
                "state": track.state,
                "score": track.score,
                "predicted_iou": track.predicted_iou,
                "box": track.box,
                "area": int(np.count_nonzero(track.mask)),
                "codec": codec,
                "at": [offset, len(data)],
            }
        )
        blobs.append(data)
        offset += len(data)
    return _pack(topic, header | {"kind": "masks", "objects": objects}, b"".join(blobs))


def pack_picture(topic: str, jpeg: bytes, header: dict[str, Any]) -> bytes:
    """A picture message as one ZeroMQ frame."""
    return _pack(topic, header | {"kind": "jpeg", "at": [0, len(jpeg)]}, jpeg)


def pack_event(topic: str, event: Event, sequence: int) -> bytes:
    """What happened to a source or to an object as one ZeroMQ frame."""
    header = {"v": VERSION, "kind": "event", "sequence": sequence}
    return _pack(topic, header | event_fields(event), b"")


def event_fields(event: Event) -> dict[str, Any]:
    """An event as it is published and written; those of an object have its `object_id`."""
    own: tuple[str, ...]
    match event:
        case SourceEvent():
            own = ("cause", "gap_s")
        case ObjectEvent():
            own = ("object_id", "index", "score", "predicted_iou", "box", "unseen_s")
        case PlaceEvent():
            own = ("zone", "object_id", "index", "score", "box", "inside_s", "to")
    names = ("source", "epoch", "wall_ns", "message", *own)
    return {"event": event.kind} | {name: getattr(event, name) for name in names}


def _pack(topic: str, header: Mapping[str, Any], blob: bytes) -> bytes:
    packed: bytes = msgpack.packb(header)
    return topic.encode() + b"\0" + struct.pack("<I", len(packed)) + packed + blob


def unpack(frame: bytes) -> Message:
    """A message of one ZeroMQ frame; raises WireError for anything else."""
    topic, found, rest = frame.partition(b"\0")
    if not found or len(rest) < 4:
        raise WireError(f"{len(frame)} bytes are no message: no topic and header")
    (length,) = struct.unpack_from("<I", rest)
    header = _unpack_map(rest[4 : 4 + length], "header")
    if header.get("v") != VERSION:
        raise WireError(f"message of version {header.get('v')!r}; this client reads version {VERSION}: update one side")
    blob = rest[4 + length :]
    try:
        if header["kind"] == "event":
            return Message(topic.decode(), header)
        if header["kind"] == "jpeg":
            return Message(topic.decode(), header, jpeg=_cut(blob, header["at"]))
        size = (int(header["size"][0]), int(header["size"][1]))
        if not (1 <= size[0] <= MAX_SIDE and 1 <= size[1] <= MAX_SIDE):
            raise WireError(f"a picture of {size[0]} x {size[1]} pixels is not believable")
        objects = tuple(_object(entry, blob, size) for entry in header["objects"])
    except (KeyError, TypeError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise WireError(f"message with a missing or broken field: {error!r}") from error
    return Message(topic.decode(), header, objects)


def _object(entry: Mapping[str, Any], blob: bytes, size: tuple[int, int]) -> ObjectMask:
    if entry["codec"] not in CODECS:
        raise WireError(f"mask codec {entry['codec']!r} is unknown; known: {', '.join(CODECS)}")
    box = None if entry["box"] is None else tuple(int(v) for v in entry["box"])
    if box is not None and len(box) != 4:
        raise WireError(f"box {box} is not four numbers")
    return ObjectMask(
        int(entry["id"]),
        entry["state"],
        float(entry["score"]),
        float(entry["predicted_iou"]),
        box,
        int(entry["area"]),
        entry["codec"],
        _cut(blob, entry["at"]),
        size,
    )


def _cut(blob: bytes, at: Sequence[int]) -> bytes:
    offset, length = int(at[0]), int(at[1])
    if offset < 0 or length < 0 or offset + length > len(blob):
        raise WireError(f"a mask at {offset}+{length} lies outside the {len(blob)} bytes that came")
    return blob[offset : offset + length]


def _unpack_map(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = msgpack.unpackb(data, strict_map_key=True, max_bin_len=MAX_COMMAND, max_array_len=100_000)
    except Exception as error:
        raise WireError(f"the {what} is not msgpack: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise WireError(f"the {what} is {type(value).__name__}, not a map")
    return value


# Commands


def pack_request(commands: Sequence[Command]) -> bytes:
    """Commands that take effect together, as one ZeroMQ frame."""
    packed: bytes = msgpack.packb({"v": VERSION, "commands": [_command_fields(command) for command in commands]})
    return packed


def pack_status_request() -> bytes:
    packed: bytes = msgpack.packb({"v": VERSION, "commands": [{"verb": "status"}]})
    return packed


def _command_fields(command: Command) -> dict[str, Any]:
    match command:
        case Prompt():
            fields: dict[str, Any] = {"verb": "prompt", "object_id": command.object_id, "mode": command.mode}
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

    Raises WireError for bytes that are no request, CommandError for one that cannot be meant.
    """
    if len(data) > MAX_COMMAND:
        raise WireError(f"a request of {len(data)} bytes; at most {MAX_COMMAND} are taken")
    fields = _unpack_map(data, "request")
    if fields.get("v") != VERSION:
        raise WireError(
            f"request of version {fields.get('v')!r}; this server speaks version {VERSION}: update one side"
        )
    entries = fields.get("commands")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_COMMANDS:
        raise WireError(f"commands must be a list of 1 to {MAX_COMMANDS}")
    if entries == [{"verb": "status"}]:
        return None
    return tuple(_command(entry) for entry in entries)


def _command(entry: object) -> Command:
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
        case "reset" | "pause" | "resume" | "find":
            _only(entry, {"verb"})
            return PLAIN_VERBS[verb]()
        case _:
            raise CommandError(f"unknown verb {verb!r:.40}; known: prompt, remove, reset, pause, resume, find, status")


def _only(entry: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(entry) - known:
        raise CommandError(f"unknown field {min(unknown)!r:.40} in {entry['verb']}; known: {', '.join(sorted(known))}")


def _prompt(entry: Mapping[str, Any]) -> Prompt:
    try:
        return Prompt(
            object_id=entry.get("object_id"),  # type: ignore[arg-type] # Prompt checks it
            points=tuple((float(x), float(y)) for x, y in entry.get("points", ())),
            labels=tuple(entry.get("labels", ())),
            box=None if entry.get("box") is None else _four(entry["box"]),
            mask=None if entry.get("mask") is None else _mask(entry["mask"]),
            mode=entry.get("mode", "refine"),
        )
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise CommandError(f"bad field in prompt: {error}") from error


def _four(values: Sequence[float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in values)
    return x0, y0, x1, y1


def _mask(fields: Mapping[str, Any]) -> Mask:
    width, height = (int(value) for value in fields["size"])
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"a mask of {width} x {height} pixels")
    try:
        return decode(fields["data"], (0, 0, width, height), "bits", (width, height))
    except Exception as error:
        raise ValueError(f"its mask is not packed bits of {width} x {height}") from error


def pack_ack(ack: Ack) -> bytes:
    packed: bytes = msgpack.packb(
        {"v": VERSION, "ok": ack.error is None, "error": ack.error, "index": ack.index, "epoch": ack.epoch}
    )
    return packed


def pack_status(status: Mapping[str, Any]) -> bytes:
    packed: bytes = msgpack.packb({"v": VERSION, "ok": True, "status": status})
    return packed


def unpack_reply(data: bytes) -> dict[str, Any]:
    """The answer to a request; raises WireError."""
    fields = _unpack_map(data, "reply")
    if fields.get("v") != VERSION or "ok" not in fields:
        raise WireError(f"reply of version {fields.get('v')!r}; this client speaks version {VERSION}")
    return fields
