"""With privacy no path out of the process shows a hidden pixel: pages, files, streams and clips are all tried."""

import io
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest

from streamer.bus.subscriber import Subscriber
from streamer.client import Client
from streamer.config.load import checked
from streamer.config.settings import ServeSettings
from streamer.errors import CommandError
from streamer.web.serve_app import serving
from tests.process.web.conftest import SCENE
from tests.waiting import wait

BOX = (100.0, 60.0, 220.0, 180.0)
INSIDE = np.s_[64:176, 104:216]
HIDDEN_STD = 6  # grey levels within a region of one colour after lossy encoding; the scene has more than 30 there
TOPICS = ("frames", "overlay")


def is_hidden(image) -> bool:
    """Whether the prompted box is of one colour, apart from what encoders add."""
    return float(image[INSIDE].reshape(-1, 3).std(axis=0).max()) < HIDDEN_STD


def decoded(jpeg: bytes):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def film(data):
    with av.open(data if isinstance(data, str) else io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def hiding(tmp_path_factory):
    """A server whose camera hides its one object, with every kind of sink."""
    folder: Path = tmp_path_factory.mktemp("hiding")
    endpoint = f"ipc://{folder}/zmq"
    camera = {
        "source": {"uri": SCENE},
        "prompts": [{"box": BOX}],
        "sinks": [f"zmq:{endpoint}", str(folder / "out.mkv")],
    }
    events = {"file": folder / "e.sqlite", "clips": folder / "clips", "before_s": 0.5, "after_s": 0.3}
    settings = checked(
        ServeSettings,
        {
            "model": {"id": "still"},
            "cameras": {"a": camera},
            "web": {"port": 0},
            "privacy": {"hide": "objects", "colour": "#406080"},
            "events": events | {"clip_kinds": ["started"]},
        },
        "test",
    )
    with serving(settings) as (_, server), Client(server.url) as client:
        client.wait_for("a", 1)
        yield client, server.url, endpoint, folder


def test_snapshots_show_nothing_hidden(hiding):
    client, *_ = hiding
    assert is_hidden(decoded(client.snapshot("a")))
    assert is_hidden(decoded(client.snapshot("a", overlay=True)))


@pytest.mark.parametrize("width", [None, 320])
def test_the_page_is_sent_nothing_hidden(hiding, width):
    client, *_ = hiding
    for _, result in zip(range(5), client.results("a", images=True, width=width), strict=False):
        assert is_hidden(result.image())


@pytest.mark.parametrize("overlay", ["0", "1"])
def test_motion_jpeg_shows_nothing_hidden(hiding, overlay):
    _, url, *_ = hiding
    with httpx.stream("GET", f"{url}/api/v1/cameras/a/stream.mjpeg?overlay={overlay}") as answer:
        data = b""
        for chunk in answer.iter_bytes():
            data += chunk
            if data.count(b"\xff\xd9") >= 3:
                break
    first = data[data.find(b"\xff\xd8") : data.find(b"\xff\xd9") + 2]
    assert is_hidden(decoded(first))


@pytest.mark.parametrize("topic", TOPICS)
def test_frames_over_zeromq_show_nothing_hidden(hiding, topic):
    _, _, endpoint, _ = hiding
    subscriber = Subscriber(endpoint, "a", topic)
    try:
        message = subscriber.receive(5)
    finally:
        subscriber.close()
    assert is_hidden(decoded(message.jpeg))


def test_clips_and_snapshots_of_events_show_nothing_hidden(hiding):
    client, _, _, folder = hiding
    clips = folder / "clips"
    wait(lambda: list(clips.glob("*.mp4")) and not list(clips.glob("*.part.mp4")), 20)
    (event,) = [event for event in client.events("a") if event["event"] == "started"]
    assert is_hidden(decoded(client.event_file(event["id"], "snapshot.jpg")))
    frames = film(client.event_file(event["id"], "clip.mp4"))
    assert frames
    assert all(is_hidden(frame) for frame in frames)


@pytest.mark.parametrize("change", [{"privacy": None}, {"privacy": {"hide": "all-but-objects"}}])
def test_privacy_cannot_be_changed_over_http(hiding, change):
    client, *_ = hiding
    with pytest.raises(CommandError, match="unknown key 'privacy'"):
        client.patch_camera("a", **change)


def test_a_camera_changed_or_added_over_http_hides_as_all_cameras_do(hiding):
    client, *_ = hiding
    client.change_camera("a", SCENE + "&seed=2")
    client.add_camera("b", SCENE)
    for camera in ("a", "b"):
        assert client.camera(camera)["hidden"] == "objects"
        wait(lambda camera=camera: client.camera(camera)["frames_tracked"] > 2)
        assert is_hidden(decoded(client.snapshot(camera)))


def test_a_recording_shows_nothing_hidden(hiding):
    client, _, _, folder = hiding
    client.remove_camera("a")
    assert all(is_hidden(frame) for frame in film(str(folder / "out.mkv")))
