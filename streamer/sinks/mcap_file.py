"""A run as MCAP: frames, masks, commands, events and settings; Foxglove and Rerun open it as it is.

What was written is there whatever ends the program: each second ends a chunk, and a reader needs no index at the end.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
from foxglove.messages import CompressedImage, CompressedVideo, ImageAnnotations
from mcap.writer import CompressionType, Writer

import streamer
from streamer.bus.commands_json import applied_fields
from streamer.errors import SinkError
from streamer.events.fields import event_fields
from streamer.events.types import Event
from streamer.formats.foxglove_messages import annotations_message, image_message, video_message
from streamer.formats.result_fields import SCHEMA, result_fields
from streamer.types import Frame, TrackResult
from streamer.video.h264 import H264Encoder
from streamer.video.jpeg import jpeg_of

log = logging.getLogger(__name__)
Images = Literal["jpeg", "h264", "png", "none"]
IMAGES: tuple[Images, ...] = get_args(Images)
FORMAT = "1"  # raise it when a reader of today cannot read the file
ABOUT = "streamer"  # name of the metadata
FLUSH_NS = 1_000_000_000
KEY_EVERY = 60  # frames from which a decoder can begin
MEDIA: dict[Images, Any] = {"jpeg": CompressedImage, "png": CompressedImage, "h264": CompressedVideo}
EVENT_SCHEMA = {"title": "streamer.Event", "type": "object", "properties": {"event": {"type": "string"}}}


class McapSink:
    """Topics, each `/SOURCE/NAME`: `image`, `annotations` (outlines to look at), `result` (masks, exact), `events`.

    Of `images`, `png` alone is exact, so that a run can be tracked again to the bit. Raises SinkError.
    """

    def __init__(self, path: Path, images: Images = "jpeg") -> None:
        self._path = path
        self._images = images
        self._channels: dict[str, int] = {}
        self._encoder = H264Encoder()
        self._frames = 0
        self._flushed_ns: int | None = None
        self._last_ns = 0
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise self._failure(error) from error
        self._writer: Any = Writer(self._file, compression=CompressionType.LZ4)
        self._writer.start(profile="", library=f"streamer {streamer.__version__}")
        self._clock: tuple[int, int] | None = None  # wall and recording's time of the first frame

    def begin(self, run: Mapping[str, Any]) -> None:
        """Write down settings, model and versions."""
        about = {name: json.dumps(value) for name, value in run.items()}
        try:
            self._writer.add_metadata(ABOUT, about | {"format": FORMAT, "images": self._images})
            self._writer.flush()
        except OSError as error:
            raise self._failure(error) from error

    def write(self, result: TrackResult) -> None:
        frame, at_ns = result.frame, self._time_ns(result)
        try:
            self._write_image(frame, at_ns)
            drawn = annotations_message(result.tracks, frame, {}).encode()
            self._add("annotations", frame.source, ImageAnnotations.get_schema(), drawn, at_ns)
            fields = result_fields(result) | {"commands": applied_fields(result.applied)}
            self._add_json("result", frame.source, SCHEMA, fields, at_ns)
            self._frames += 1
            if self._flushed_ns is None or at_ns - self._flushed_ns >= FLUSH_NS:
                self._flushed_ns = at_ns
                self._writer.flush()
        except OSError as error:
            raise self._failure(error) from error

    def notify(self, event: Event) -> None:
        at_ns = max(self._last_ns, event.wall_ns) if self._clock is None else self._last_ns
        try:
            self._add_json("events", event.source, EVENT_SCHEMA, event_fields(event), at_ns)
            self._writer.flush()
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        if self._file.closed:
            return
        try:
            self._writer.finish()
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _time_ns(self, result: TrackResult) -> int:
        """Unix time; of a recording its own pace from the moment at which its first frame was read."""
        frame = result.frame
        if result.recorded_ns is None:
            self._last_ns = frame.wall_ns
        else:
            wall_ns, zero_ns = self._clock = self._clock or (frame.wall_ns, result.recorded_ns)
            self._last_ns = wall_ns + result.recorded_ns - zero_ns
        return self._last_ns

    def _write_image(self, frame: Frame, at_ns: int) -> None:
        match self._images:
            case "jpeg":
                message = image_message(jpeg_of(frame), "jpeg", frame).encode()
            case "png":
                png = cv2.imencode(".png", frame.image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
                message = image_message(png.tobytes(), "png", frame).encode()
            case "h264":
                self._encoder.key_next |= self._frames % KEY_EVERY == 0
                message = video_message(self._encoder.encode(frame.image)[0], frame).encode()
            case "none":
                return
        self._add("image", frame.source, MEDIA[self._images].get_schema(), message, at_ns)

    def _add_json(
        self, name: str, source: str, schema: Mapping[str, Any], fields: Mapping[str, Any], at_ns: int
    ) -> None:
        topic = f"/{source}/{name}"
        if topic not in self._channels:
            number = self._writer.register_schema(schema["title"], "jsonschema", json.dumps(schema).encode())
            self._channels[topic] = self._writer.register_channel(topic, "json", number)
        self._put(topic, json.dumps(fields).encode(), at_ns)

    def _add(self, name: str, source: str, schema: Any, data: bytes, at_ns: int) -> None:
        topic = f"/{source}/{name}"
        if topic not in self._channels:
            number = self._writer.register_schema(schema.name, schema.encoding, schema.data)
            self._channels[topic] = self._writer.register_channel(topic, "protobuf", number)
        self._put(topic, data, at_ns)

    def _put(self, topic: str, data: bytes, at_ns: int) -> None:
        self._writer.add_message(self._channels[topic], at_ns, data, at_ns, self._frames)

    def _failure(self, error: OSError) -> SinkError:
        return SinkError(f"{self._path}: cannot be written: {error.strerror}; {self._frames} frames are in it")
