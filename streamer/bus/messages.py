"""Messages as bytes, and back; no I/O. The format is written down in docs/wire-format.md."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from streamer.errors import WireError
from streamer.events.fields import event_fields
from streamer.events.types import Event
from streamer.formats.result_fields import position_fields, position_of
from streamer.masks import CODECS, Codec, Mask, PixelBox, decode, encode
from streamer.types import MaskOrigin, Position, State, TrackResult

VERSION = 1
MAX_MESSAGE = 64 << 20  # bytes; a reader takes no larger one
MAX_PART = 4 << 20  # bytes of a value: a full-HD mask is some kilobytes; nothing honest comes near this
FUTURE_S = 0.05  # by which the publisher's clock may be ahead of the reader's
MAX_PIXELS = 1 << 26  # of a frame: 8192 x 8192


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
    mask_from: MaskOrigin = "model"
    age: int = 0  # frames since the model found the mask
    confidence: float = 1.0  # in a carried mask
    position: Position | None = None  # in metres in the camera's frame, of a source with depth

    def mask(self) -> Mask:
        """The mask, H x W bool; raises WireError where the bytes are no mask."""
        try:
            return decode(self.data, self.box, self.codec, self.size_wh)
        except (ValueError, struct.error, IndexError) as error:
            raise WireError(f"object {self.object_id}: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One published message: masks, a JPEG of the same frame, or what happened to the source."""

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
        """Milliseconds since the frame was captured, by the wall clock of this machine."""
        return (now_wall_ns - int(self.header["wall_ns"])) / 1e6


def newest_within(message: Message | None, max_age_s: float, now_wall_ns: int) -> Message | None:
    """The message, unless its frame is older than `max_age_s`, or further in the future than clocks may differ."""
    if message is None or not -FUTURE_S <= message.age_ms(now_wall_ns) / 1e3 <= max_age_s:
        return None
    return message


def header_of(result: TrackResult, *, sequence: int, dropped: int, published_ns: int) -> dict[str, Any]:
    """The fields of a message about its frame; `dropped` are the frames lost since the last message of its topic."""
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
        "mask_from": result.mask_from,
    }


def pack_masks(topic: str, result: TrackResult, codec: Codec, header: dict[str, Any]) -> bytes:
    """A masks message as one ZeroMQ frame."""
    objects, blob = object_fields(result, codec)
    return _pack(topic, header | {"kind": "masks", "objects": objects}, blob)


def object_fields(result: TrackResult, codec: Codec) -> tuple[list[dict[str, Any]], bytes]:
    """The fields of a message about each object, and all masks; `at` is a mask's place among them."""
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
                "mask_from": track.mask_from,
                "age": track.age,
                "confidence": track.confidence,
                "box": track.box,
                "area": int(np.count_nonzero(track.mask)),
                "codec": codec,
                "at": [offset, len(data)],
            }
            | position_fields(track.position)
        )
        blobs.append(data)
        offset += len(data)
    return objects, b"".join(blobs)


def pack_jpeg(topic: str, jpeg: bytes, header: dict[str, Any]) -> bytes:
    """A JPEG message as one ZeroMQ frame."""
    return _pack(topic, header | {"kind": "jpeg", "at": [0, len(jpeg)]}, jpeg)


def pack_event(topic: str, event: Event, sequence: int) -> bytes:
    """What happened to a source or to an object as one ZeroMQ frame."""
    header = {"v": VERSION, "kind": "event", "sequence": sequence}
    return _pack(topic, header | event_fields(event), b"")


def _pack(topic: str, header: Mapping[str, Any], blob: bytes) -> bytes:
    packed: bytes = msgpack.packb(header)
    return topic.encode() + b"\0" + struct.pack("<I", len(packed)) + packed + blob


def unpack(frame: bytes) -> Message:
    """A message of one ZeroMQ frame; raises WireError for anything else."""
    topic, found, rest = frame.partition(b"\0")
    if not found or len(rest) < 4:
        raise WireError(f"{len(frame)} bytes are no message: no topic and header")
    (length,) = struct.unpack_from("<I", rest)
    header = unpack_map(rest[4 : 4 + length], "header")
    if header.get("v") != VERSION:
        raise WireError(f"message of version {header.get('v')!r}; this client reads version {VERSION}: update one side")
    blob = rest[4 + length :]
    try:
        name = topic.decode()
        if header["kind"] == "event":
            return Message(name, header)
        if header["kind"] == "jpeg":
            return Message(name, header, jpeg=_cut(blob, header["at"]))
        size = (int(header["size"][0]), int(header["size"][1]))
        if not (min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
            raise WireError(f"a frame of {size[0]} x {size[1]} pixels; at most {MAX_PIXELS} pixels are accepted")
        objects = tuple(_object(entry, blob, size) for entry in header["objects"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise WireError(f"message with a missing or broken field: {error!r}") from error
    return Message(name, header, objects)


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
        entry.get("mask_from", "model"),
        int(entry.get("age", 0)),
        float(entry.get("confidence", 1.0)),
        position_of(entry),
    )


def _cut(blob: bytes, at: Sequence[int]) -> bytes:
    offset, length = int(at[0]), int(at[1])
    if offset < 0 or length < 0 or offset + length > len(blob):
        raise WireError(f"a mask at {offset}+{length} lies outside the {len(blob)} bytes that came")
    return blob[offset : offset + length]


def unpack_map(data: bytes, what: str) -> dict[str, Any]:
    """A map of msgpack; raises WireError, which names `what` was expected."""
    try:
        value = msgpack.unpackb(data, strict_map_key=True, max_bin_len=MAX_PART, max_array_len=100_000)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"the {what} is not msgpack: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise WireError(f"the {what} is {type(value).__name__}, not a map")
    return value
