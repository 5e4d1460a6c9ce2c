"""A server for Foxglove on this machine: frames, outlines, exact labels, results and metrics; prompts come back."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast, get_args

import cv2
import foxglove
from foxglove import Capability, Channel, Context, MessageSchema, Schema, Service, ServiceRequest, ServiceSchema
from foxglove.messages import CompressedImage, CompressedVideo, ImageAnnotations

from streamer import channel
from streamer.bus.commands_json import ack_json, commands_of, request_id_of
from streamer.channel import Closed
from streamer.errors import CommandError, SinkError, WireError
from streamer.events.fields import event_fields
from streamer.events.types import Event
from streamer.formats.foxglove_messages import annotations_message, image_message, video_message
from streamer.formats.result_fields import SCHEMA, result_fields
from streamer.masks import labelled
from streamer.types import Ack, Request, TrackResult
from streamer.video.h264 import H264Encoder
from streamer.video.jpeg import jpeg_of

log = logging.getLogger(__name__)
Images = Literal["jpeg", "h264", "none"]
IMAGES: tuple[Images, ...] = get_args(Images)
ROOT = "/streamer"
BACKLOG = 64  # messages of a reader that is slow; the oldest are dropped
KEY_EVERY = 30  # frames: how long a new reader of H.264 may wait for its first image
ANSWER_TIMEOUT_S = 10.0
NUMBER = {"type": "number"}
METRICS: dict[str, Any] = {
    "title": "streamer.Metrics",
    "type": "object",
    "properties": dict.fromkeys(("fps", "latency_ms", "track_ms", "dropped", "objects", "lost"), NUMBER),
}
EVENT: dict[str, Any] = {"title": "streamer.Event", "type": "object", "properties": {"event": {"type": "string"}}}
ACK: dict[str, Any] = {"title": "streamer.Ack", "type": "object", "properties": {"ok": {"type": "boolean"}}}
ANY_JSON = MessageSchema(encoding="json", schema=Schema(name="streamer.Commands", encoding="jsonschema", data=b"{}"))


class FoxgloveSink:
    """Topics `/streamer/NAME`: image, annotations, labels, result, events, metrics, ack.

    A client prompts by publishing JSON on any topic that ends in `/prompt`, or by the service `/streamer/prompt`,
    which answers. Raises SinkError.
    """

    def __init__(self, host: str, port: int, images: Images = "jpeg") -> None:
        self._images = images
        self._context = Context()
        self._channels: dict[str, Channel] = {}
        self._encoder = H264Encoder()
        self._frames = 0
        self._last_ns: int | None = None
        self.commands: channel.Channel[Request] | None = None
        self._open_channels()
        schema = ServiceSchema(name="streamer.Prompt", request=ANY_JSON, response=ANY_JSON)
        try:
            self._server: Any = foxglove.start_server(
                name="streamer",
                host=host,
                port=port,
                context=self._context,
                capabilities=[Capability.ClientPublish, Capability.Services],
                supported_encodings=["json"],
                services=[Service(name=f"{ROOT}/prompt", schema=schema, handler=self._serve)],
                server_listener=cast(Any, Publications(self)),
                message_backlog_size=BACKLOG,
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise SinkError(f"foxglove:{host}:{port}: cannot listen: {error}; is the port in use?") from error
        self.endpoint = f"ws://{host}:{self._server.port}"

    def connect(self, commands: channel.Channel[Request]) -> None:
        """Where prompts go."""
        self.commands = commands

    def write(self, result: TrackResult) -> None:
        frame = result.frame
        self._write_image(result)
        if self._channels["annotations"].has_sinks():
            self._log("annotations", annotations_message(result.tracks, frame, {}).encode(), frame.wall_ns)
        if self._channels["labels"].has_sinks():
            labels = labelled((frame.height, frame.width), ((one.object_id, one.mask) for one in result.tracks))
            png = cv2.imencode(".png", labels)[1].tobytes()
            self._log("labels", image_message(png, "png", frame).encode(), frame.wall_ns)
        if self._channels["result"].has_sinks():
            self._log("result", json.dumps(result_fields(result)).encode(), frame.wall_ns)
        self._log("metrics", json.dumps(self._metrics(result)).encode(), frame.wall_ns)
        self._frames += 1

    def notify(self, event: Event) -> None:
        self._log("events", json.dumps(event_fields(event)).encode(), event.wall_ns)

    def close(self) -> None:
        self._server.stop()

    def send(self, text: bytes, answered: Callable[[str], None]) -> None:
        """Pass commands on; `answered` is called in another thread, with JSON."""
        identity = request_id_of(text)

        def answer(ack: Ack) -> None:
            answered(ack_json(ack, identity))

        try:
            request = Request(commands_of(text), answer)
            if self.commands is None or not self.commands.offer(request):
                answer(Ack(error="too many commands are waiting; send fewer, or wait for answers"))
        except (CommandError, WireError) as error:
            answer(Ack(error=str(error)))
        except Closed:
            answer(Ack(error="the stream has ended"))

    def publish_ack(self, text: str) -> None:
        self._channels["ack"].log(text.encode())

    def _serve(self, request: ServiceRequest) -> bytes:
        """A call of the service, in a thread of the server."""
        answers: channel.Channel[str] = channel.Channel(1, lossy=True)
        self.send(request.payload, answers.put)
        try:
            return answers.get(ANSWER_TIMEOUT_S).encode()
        except TimeoutError:
            return ack_json(Ack(error=f"no frame has arrived for {ANSWER_TIMEOUT_S:g} s")).encode()

    def _open_channels(self) -> None:
        video = self._images == "h264"
        messages = {
            "image": CompressedVideo if video else CompressedImage,
            "annotations": ImageAnnotations,
            "labels": CompressedImage,
        }
        for name, kind in messages.items():
            self._open(name, kind.get_schema(), "protobuf")
        for name, schema in {"result": SCHEMA, "events": EVENT, "metrics": METRICS, "ack": ACK}.items():
            self._open(name, _json_schema(schema), "json")

    def _open(self, name: str, schema: Schema, encoding: str) -> None:
        opened = Channel(f"{ROOT}/{name}", schema=schema, message_encoding=encoding, context=self._context)
        self._channels[name] = opened

    def _write_image(self, result: TrackResult) -> None:
        frame = result.frame
        if self._images == "none" or not self._channels["image"].has_sinks():
            self._encoder.key_next = True
        elif self._images == "jpeg":
            self._log("image", image_message(jpeg_of(frame), "jpeg", frame).encode(), frame.wall_ns)
        else:
            self._encoder.key_next |= self._frames % KEY_EVERY == 0
            self._log("image", video_message(self._encoder.encode(frame.image)[0], frame).encode(), frame.wall_ns)

    def _log(self, name: str, data: bytes, wall_ns: int) -> None:
        self._channels[name].log(data, log_time=wall_ns)

    def _metrics(self, result: TrackResult) -> dict[str, float]:
        passed_ns = result.tracked_ns - (self._last_ns or result.tracked_ns)
        self._last_ns = result.tracked_ns
        return {
            "fps": round(1e9 / passed_ns, 2) if passed_ns > 0 else 0.0,
            "latency_ms": round((result.tracked_ns - result.frame.captured_ns) / 1e6, 2),
            "track_ms": round(result.timings_ms.get("track", 0.0), 2),
            "dropped": result.dropped,
            "objects": len(result.tracks),
            "lost": sum(track.state == "lost" for track in result.tracks),
        }


class Publications:
    """What clients publish: JSON on a topic that ends in `/prompt` is a command. Called in a thread of the server."""

    def __init__(self, sink: FoxgloveSink) -> None:
        self._sink = sink
        self._topics: dict[tuple[int, int], str] = {}

    def on_client_advertise(self, client: Any, advertised: Any) -> None:
        self._topics[client.id, advertised.id] = advertised.topic

    def on_client_unadvertise(self, client: Any, number: int) -> None:
        self._topics.pop((client.id, number), None)

    def on_message_data(self, client: Any, number: int, data: bytes) -> None:
        if self._topics.get((client.id, number), "").endswith("/prompt"):
            self._sink.send(data, self._sink.publish_ack)

    def on_subscribe(self, client: Any, subscribed: Any) -> None:
        pass

    def on_unsubscribe(self, client: Any, subscribed: Any) -> None:
        pass


def _json_schema(schema: Mapping[str, Any]) -> Schema:
    return Schema(name=schema["title"], encoding="jsonschema", data=json.dumps(schema).encode())
