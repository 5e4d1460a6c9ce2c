"""The server for Foxglove, spoken to as Foxglove does: topics, messages, prompts by publishing and by service."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from streamer.channel import Channel
from streamer.errors import SinkError, UsageError
from streamer.replay.images import image_decoder
from streamer.sinks import open_sink
from streamer.types import Ack, Prompt, Request
from tests.fakes import result

LAYOUT = Path(__file__).parents[2] / "configs" / "foxglove-layout.json"
PROTOCOL = [Subprotocol("foxglove.sdk.v1")]
MESSAGE, CALL, ANSWER = 1, 2, 3  # opcodes


class Viewer:
    """A client of `foxglove.sdk.v1`."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.channels: dict[str, dict] = {}
        self.services: dict[str, int] = {}
        while not self.services:
            said = json.loads(socket.recv(timeout=5))
            self.channels |= {entry["topic"]: entry for entry in said.get("channels", ())}
            self.services |= {entry["name"]: entry["id"] for entry in said.get("services", ())}

    def subscribe(self, *topics: str) -> None:
        wanted = [{"id": self.channels[topic]["id"], "channelId": self.channels[topic]["id"]} for topic in topics]
        self.socket.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))

    def messages(self) -> Iterator[tuple[str, int, bytes]]:
        """Topic, time and data of each message that comes."""
        names = {entry["id"]: topic for topic, entry in self.channels.items()}
        while True:
            data = self.socket.recv(timeout=5)
            if isinstance(data, bytes) and data[0] == MESSAGE:
                number, time_ns = struct.unpack_from("<IQ", data, 1)
                yield names[number], time_ns, data[13:]

    def publish(self, topic: str, text: str) -> None:
        channel = {"id": 1, "topic": topic, "encoding": "json", "schemaName": ""}
        self.socket.send(json.dumps({"op": "advertise", "channels": [channel]}))
        self.socket.send(struct.pack("<BI", MESSAGE, 1) + text.encode())

    def call(self, service: str, text: str) -> dict:
        words = struct.pack("<BIII", CALL, self.services[service], 7, 4) + b"json"
        self.socket.send(words + text.encode())
        while True:
            data = self.socket.recv(timeout=5)
            if isinstance(data, bytes) and data[0] == ANSWER:
                (length,) = struct.unpack_from("<I", data, 9)
                return json.loads(data[13 + length :])


@pytest.fixture
def sink():
    opened = open_sink("foxglove:127.0.0.1:0?images=jpeg")
    yield opened
    opened.close()


@pytest.fixture
def viewer(sink):
    with connect(sink.endpoint, subprotocols=PROTOCOL, max_size=None) as socket:
        yield Viewer(socket)


def until_subscribed(sink, *names: str) -> None:
    from tests.waiting import wait

    wait(lambda: all(sink._channels[name].has_sinks() for name in names))


def test_every_topic_has_a_schema_and_the_layout_shows_topics_that_there_are(viewer):
    assert {topic.rpartition("/")[2]: entry["schemaName"] for topic, entry in viewer.channels.items()} == {
        "image": "foxglove.CompressedImage",
        "annotations": "foxglove.ImageAnnotations",
        "labels": "foxglove.CompressedImage",
        "result": "streamer.Result",
        "events": "streamer.Event",
        "metrics": "streamer.Metrics",
        "ack": "streamer.Ack",
    }
    layout = json.loads(LAYOUT.read_text())
    text = json.dumps(layout["configById"])
    for topic in ("image", "annotations", "result", "events", "metrics"):
        assert f"/streamer/{topic}" in text
    assert set(layout["configById"]) == {word for word in leaves(layout["layout"]) if "!" in word}


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for below in value.values():
            yield from leaves(below)
    elif isinstance(value, str):
        yield value


def test_a_result_comes_with_its_capture_time_exact_labels_and_masks(sink, viewer):
    topics = [f"/streamer/{name}" for name in ("image", "annotations", "labels", "result", "metrics")]
    viewer.subscribe(*topics)
    until_subscribed(sink, "image", "annotations", "labels", "result", "metrics")
    one = result(3, ids=(1, 2))
    sink.write(one)
    found = {}
    for topic, time_ns, data in viewer.messages():
        assert time_ns == one.frame.wall_ns
        found[topic] = data
        if len(found) == len(topics):
            break
    labels = image_decoder("png")
    labels.add(found["/streamer/labels"])
    assert np.array_equal(labels.take(64, 48)[..., 0], np.where(one.tracks[0].mask, 2, 0))
    fields = json.loads(found["/streamer/result"])
    assert [entry["id"] for entry in fields["objects"]] == [1, 2] and fields["index"] == 3
    assert b"1 tracked 0.90" in found["/streamer/annotations"]
    assert json.loads(found["/streamer/metrics"])["objects"] == 2


def answer_one(commands: Channel[Request], ack: Ack) -> Request:
    request = commands.get(5)
    request.reply(ack)
    return request


def test_a_published_prompt_is_a_request_and_is_answered_on_ack(sink, viewer):
    commands: Channel[Request] = Channel(4)
    sink.connect(commands)
    viewer.subscribe("/streamer/ack")
    until_subscribed(sink, "ack")
    viewer.publish("/streamer/prompt", '{"request_id": 5, "commands": [{"verb": "prompt", "box": [1, 2, 9, 9]}]}')
    request = answer_one(commands, Ack(None, 8, 0, (3,)))
    assert isinstance(request.commands[0], Prompt) and request.commands[0].box == (1, 2, 9, 9)
    _, _, data = next(viewer.messages())
    assert json.loads(data) == {
        "ok": True, "error": None, "index": 8, "epoch": 0, "object_ids": [3], "request_id": 5
    }  # fmt: skip
    viewer.publish("/streamer/prompt", "no json")
    _, _, data = next(viewer.messages())
    assert "is not JSON" in json.loads(data)["error"]


def test_the_service_answers_with_the_acknowledgement(sink, viewer):
    from streamer.process.threads import background

    commands: Channel[Request] = Channel(4)
    sink.connect(commands)
    background("answer", lambda: answer_one(commands, Ack(None, 1, 0, ())))
    assert viewer.call("/streamer/prompt", '{"verb": "reset"}')["index"] == 1
    assert "unknown verb" in viewer.call("/streamer/prompt", '{"verb": "dance"}')["error"]
    commands.close()
    assert viewer.call("/streamer/prompt", '{"verb": "reset"}')["error"] == "the stream has ended"


def test_h264_begins_with_a_key_frame_for_each_new_reader():
    opened = open_sink("foxglove:127.0.0.1:0?images=h264")
    try:
        opened.write(result(0))
        with connect(opened.endpoint, subprotocols=PROTOCOL, max_size=None) as socket:
            viewer = Viewer(socket)
            viewer.subscribe("/streamer/image")
            until_subscribed(opened, "image")
            opened.write(result(200))
            _, _, data = next(viewer.messages())
            video = image_decoder("h264")
            video.add(data)
            assert abs(int(video.take(64, 48).mean()) - 200) < 8
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("foxglove:0.0.0.0:8765", "listens on this machine alone"),
        ("foxglove:127.0.0.1", "use foxglove:127.0.0.1:PORT"),
        ("foxglove:127.0.0.1:99999", "use foxglove:127.0.0.1:PORT"),
        ("foxglove:127.0.0.1:0?images=gif", "known: jpeg, h264, none"),
    ],
)
def test_addresses_that_are_none_are_one_line(uri: str, message: str):
    with pytest.raises(UsageError, match=message):
        open_sink(uri)


def test_a_port_in_use_is_one_line(sink):
    port = sink.endpoint.rpartition(":")[2]
    with pytest.raises(SinkError, match=r"cannot listen: .*is the port in use\?"):
        open_sink(f"foxglove:127.0.0.1:{port}")
