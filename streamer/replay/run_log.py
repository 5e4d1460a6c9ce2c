"""A recorded run: what it was made of, and its results with their frames, in order."""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from mcap.exceptions import EndOfFile, InvalidMagic, McapError
from mcap.records import Channel, McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader

from streamer.bus.commands_json import applied_of
from streamer.errors import CommandError, SourceError, UsageError, WireError
from streamer.events.fields import event_of
from streamer.events.types import Event
from streamer.formats.result_fields import track_of
from streamer.replay.images import Images, image_decoder
from streamer.types import Frame, TrackResult

log = logging.getLogger(__name__)
ABOUT, FORMAT = "streamer", "1"
MAX_RECORD = 1 << 30  # bytes; a broken file promises more
BROKEN = (McapError, struct.error, RuntimeError, ValueError, OSError, MemoryError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class About:
    """What a run was made of."""

    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    versions: Mapping[str, str]
    images: str  # jpeg, h264, png or none


@dataclass(slots=True)
class RunLog:
    """One file. `broken` says, once it was met, why the file ends before it should."""

    path: Path
    about: About
    broken: str | None = None
    _channels: dict[int, str] = field(default_factory=dict)  # topic by number

    def items(self) -> Iterator[TrackResult | Event]:
        """Results and events in the order in which they were recorded; raises SourceError for an entry that is none."""
        decoder = image_decoder(self.about.images)
        self._channels.clear()
        with self.path.open("rb") as file:
            for message in self._messages(file):
                name = self._channels[message.channel_id].rpartition("/")[2]
                try:
                    if name == "image":
                        decoder.add(message.data)
                    elif name in ("result", "events"):
                        yield _item(name, json.loads(message.data), decoder, message.log_time)
                except (KeyError, TypeError, ValueError, CommandError, WireError) as error:
                    raise SourceError(f"{self.path}: a {name} cannot be read: {error}", "corrupt") from error

    def _messages(self, file: IO[bytes]) -> Iterator[Message]:
        for record in self._records(file):
            if isinstance(record, Channel):
                self._channels[record.id] = record.topic
            elif isinstance(record, Message) and record.channel_id in self._channels:
                yield record

    def _records(self, file: IO[bytes]) -> Iterator[McapRecord]:
        """All that can be read; where the file is cut or broken it ends, and `broken` says so."""
        records = StreamReader(file, validate_crcs=True, record_size_limit=MAX_RECORD).records
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except BROKEN as error:
                reason = (
                    "it was cut off" if isinstance(error, EndOfFile | struct.error) else " ".join(str(error).split())
                )
                self.broken = f"{self.path}: breaks off: {reason}"
                return
            yield record


def open_run(path: Path) -> RunLog:
    """A recorded run; raises UsageError for a file that is none, and SourceError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            about = _about(path, file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}", "not_found") from error
    except InvalidMagic:
        raise UsageError(f"{path}: is not an MCAP file") from None
    except BROKEN as error:
        raise SourceError(f"{path}: breaks off before its first frame: {error}", "corrupt") from error
    return RunLog(path, about)


def _about(path: Path, file: IO[bytes]) -> About:
    for record in StreamReader(file, record_size_limit=MAX_RECORD).records:
        if isinstance(record, Metadata) and record.name == ABOUT:
            given = record.metadata
            if given.get("format") != FORMAT:
                other = given.get("format")
                raise UsageError(
                    f"{path}: is of version {other}; this program reads version {FORMAT}: update one of them"
                )
            settings, model, versions = (json.loads(given[name]) for name in ("settings", "model", "versions"))
            return About(settings, model, versions, given["images"])
        if isinstance(record, Message):
            break
    raise UsageError(f"{path}: was not written by `streamer run --sink FILE.mcap`")


def _item(name: str, fields: Mapping[str, Any], decoder: Images, at_ns: int) -> TrackResult | Event:
    if name == "events":
        return event_of(fields, at_ns)
    width, height = fields["size"]
    image = decoder.take(width, height)
    image.flags.writeable = False
    return _result(fields, image)


def _result(fields: Mapping[str, Any], image: np.ndarray) -> TrackResult:
    frame = Frame(
        source=fields["source"],
        index=fields["index"],
        epoch=fields["epoch"],
        captured_ns=fields["captured_ns"],
        wall_ns=fields["wall_ns"],
        pts_s=fields["pts_s"],
        image=image,
        corrupt=fields["corrupt"],
    )
    return TrackResult(
        frame,
        tuple(track_of(entry) for entry in fields["objects"]),
        dropped=fields["dropped"],
        gap_frames=fields["gap"][0],
        gap_s=fields["gap"][1],
        tracked_ns=fields["tracked_ns"],
        applied=applied_of(fields["commands"]),
        recorded_ns=fields["recorded_ns"],
    )
