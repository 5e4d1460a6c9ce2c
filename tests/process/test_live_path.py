"""The whole program against real peers: an RTSP server, a camera device, subscribers and clients in other processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.bus.command_client import CommandClient
from streamer.bus.subscriber import Subscriber
from streamer.masks import box_of, iou
from streamer.soak.relay import Relay
from streamer.sources import open_source
from streamer.types import Prompt, Remove
from streamer.video.scene import Scene, SceneSettings
from tests.process.processes import ROOT, finish, streamer
from tests.requirements import require

pytestmark = pytest.mark.timeout(180)
CARS = ROOT.parent / "shared" / "data" / "live" / "intel-car-detection.mp4"
SCENE = "scene:?seed=2&objects=3&fps=15&frames=0&realtime"
STILL = ("--model", "still")  # where a test is about the path around the tracker: it starts in under a second


def play(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Two seconds of the scene as a file, for machines without the team's clips."""
    path = tmp_path_factory.mktemp("clip") / "scene.mp4"
    sink = av.open(str(path), "w")
    stream = sink.add_stream("libx264", rate=15)
    stream.width, stream.height, stream.pix_fmt, stream.options = 640, 360, "yuv420p", {"crf": "16"}
    for frame in open_source("scene:?seed=2&objects=3&fps=15&frames=45"):
        sink.mux(stream.encode(av.VideoFrame.from_ndarray(np.array(frame.image), format="rgb24")))
    sink.mux(stream.encode(None))
    sink.close()
    return path


@pytest.fixture
def box() -> str:
    scene = Scene(SceneSettings(seed=2, objects=3, fps=15))
    return "1:" + ",".join(map(str, box_of(scene.truth(0)[1])))


def test_a_file_is_tracked_into_a_video(clip, box, tmp_path):
    out = tmp_path / "run.mp4"
    summary = finish(streamer("run", "--source", str(clip), "--box", box, "--sink", str(out), "--json"))
    assert summary["frames_captured"] == summary["frames_tracked"] == 45
    assert summary["frames_dropped"] == 0
    assert [entry["id"] for entry in summary["objects"]] == [1]
    assert len(play(out)) == 45
    assert set(summary) >= {
        "frames_captured",
        "frames_tracked",
        "frames_dropped",
        "fps",
        "latency_ms",
        "rss_mb",
        "objects",
        "model",
    }
    assert set(summary["latency_ms"]) == {"p50", "p95", "p99"}
    assert set(summary["model"]) == {"id", "size", "runtime", "device", "dtype", "extensions"}


def test_real_footage_of_cars_is_read_into_a_video(tmp_path):
    require("clips", CARS.exists(), "the team's clips are needed beside the repository, in ../shared/data")
    out = tmp_path / "cars.mp4"
    summary = finish(
        streamer(
            "run",
            "--source",
            str(CARS),
            *STILL,
            "--box",
            "1:200,200,300,300",
            "--sink",
            str(out),
            "--frames",
            "25",
            "--json",
        )
    )
    assert summary["frames_tracked"] == 25
    assert len(play(out)) == 25


@pytest.fixture
def relay():
    with Relay() as running:
        yield running


@pytest.fixture
def published(relay, clip):
    source = str(CARS) if CARS.exists() else f"{clip}?loop"
    camera = subprocess.Popen([sys.executable, "-m", "tests.process.camera", source, relay.url("cam"), "90"], cwd=ROOT)
    deadline = time.monotonic() + 20
    while not relay.is_published("cam") and time.monotonic() < deadline:
        time.sleep(0.05)
    yield relay
    camera.kill()
    camera.wait()


def test_a_real_rtsp_server_is_read_live_and_masks_reach_another_process(published, tmp_path):
    endpoint = f"ipc://{tmp_path}/masks"
    run = streamer(
        "run",
        "--source",
        published.url("cam"),
        *STILL,
        "--box",
        "1:200,150,330,280",
        "--sink",
        f"zmq:{endpoint}",
        "--frames",
        "20",
        "--json",
    )
    reader = streamer("subscribe", endpoint, "--count", "5", "--json", "--timeout", "60")
    received = finish(reader)
    summary = finish(run)
    assert received["received"] == 5
    assert summary["frames_tracked"] == 20
    assert summary["frames_captured"] >= 20


def test_an_rtsp_server_that_wants_a_password_says_401_without_showing_it(clip):
    with Relay(credentials="admin:hunter2") as relay:
        run = streamer("run", "--source", relay.url("cam", "admin:wrong-secret"), *STILL, "--debug")
        out, err = run.communicate(timeout=60)
        assert run.returncode == 1
        assert "401" in err
        assert "wrong-secret" not in out + err
        run = streamer("run", "--source", relay.url("cam", "admin:hunter2"), *STILL)
        out, err = run.communicate(timeout=60)
        assert "404" in err
        assert "hunter2" not in out + err


def test_a_camera_that_ends_is_a_failure_and_the_recording_plays(relay, clip, tmp_path):
    camera = subprocess.Popen(
        [sys.executable, "-m", "tests.process.camera", f"{clip}?loop", relay.url("cam"), "60"], cwd=ROOT
    )
    while not relay.is_published("cam"):
        time.sleep(0.05)
    out = tmp_path / "run.mp4"
    source = ("--source", relay.url("cam"), "--reconnect", "never")
    run = streamer("run", *source, *STILL, "--box", "1:100,100,300,250", "--sink", str(out))
    while not (out.exists() and out.stat().st_size > 20_000):
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    camera.kill()
    camera.wait()
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "Traceback" not in err
    assert len(play(out)) > 0


def test_an_overlay_is_pushed_to_a_real_rtsp_server_and_read_back(relay):
    run = streamer(
        "run",
        "--source",
        SCENE,
        *STILL,
        "--box",
        "1:truth",
        "--sink",
        relay.url("overlay"),
        "--seconds",
        "40",
        "--json",
    )
    while not relay.is_published("overlay"):
        time.sleep(0.05)
        assert run.poll() is None, run.communicate()
    source = open_source(relay.url("overlay"))
    for frame in source:
        assert frame.image.shape == (360, 640, 3)
        if frame.index == 4:
            source.close()
    run.send_signal(signal.SIGINT)
    assert finish(run)["frames_tracked"] > 5


def test_a_webcam_is_tracked(fake_webcam, tmp_path):
    out = tmp_path / "cam.mp4"
    summary = finish(
        streamer(
            "run",
            "--source",
            "camera:0?size=640x480&fps=30",
            *STILL,
            "--box",
            "1:40,160,165,280",
            "--sink",
            str(out),
            "--frames",
            "15",
            "--json",
            env=fake_webcam,
        )
    )
    assert summary["frames_tracked"] == 15
    assert play(out)[0].shape == (480, 640, 3)


def test_a_webcam_that_is_unplugged_is_said_and_the_recording_plays(fake_webcam, tmp_path):
    out = tmp_path / "cam.mp4"
    run = streamer(
        "run",
        "--source",
        "/dev/video0",
        *STILL,
        "--reconnect",
        "never",
        "--box",
        "1:40,160,165,280",
        "--sink",
        str(out),
        env=fake_webcam | {"FAKE_V4L2_FRAMES": "40"},
    )
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "sends no more frames" in err
    assert "Traceback" not in err
    assert len(play(out)) > 0


def bound(process: subprocess.Popen[str], words: str) -> str:
    for line in process.stderr:
        if words in line:
            return line.split()[-1]
    raise AssertionError(f"no line with {words!r}")


def test_objects_are_added_refined_and_removed_over_the_socket_and_masks_sit_on_them(tmp_path):
    run = streamer(
        "run",
        "--source",
        SCENE,
        "--sink",
        "zmq:tcp://127.0.0.1:*",
        "--control",
        "tcp://127.0.0.1:*",
        "--seconds",
        "100",
    )
    published = bound(run, "publishing on")
    control = bound(run, "listening for commands on")
    scene = Scene(SceneSettings(seed=2, objects=3, fps=15))
    with CommandClient(control, timeout_s=60) as client, Subscriber(published, "scene") as subscriber:
        index = subscriber.receive(60).index
        for number in (1, 2):
            box = box_of(scene.truth(index + 2)[number])
            index = client.send(Prompt(number, box=box)).index
        while (message := subscriber.receive(10)).index < index:
            pass  # captured before the second prompt took effect
        assert [entry.object_id for entry in message.objects] == [1, 2]
        overlaps = {e.object_id: iou(e.mask(), scene.truth(message.index)[e.object_id]) for e in message.objects}
        assert np.mean(list(overlaps.values())) > 0.5, overlaps
        ys, xs = np.nonzero(scene.truth(message.index)[1])
        ack = client.send(Prompt(1, points=((float(xs.mean()), float(ys.mean())),), labels=(1,)))
        assert ack.index > message.index
        client.send(Remove(2))
        while [entry.object_id for entry in subscriber.receive(10).objects] != [1]:
            pass
    cli = finish(streamer("status", control, "--json"))
    assert cli["objects"][0]["id"] == 1
    refused = streamer("remove", control, "99")
    _, err = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "object 99 is not tracked; tracked: 1" in err
    run.send_signal(signal.SIGTERM)
    started = time.monotonic()
    _, err = run.communicate(timeout=20)
    assert run.returncode == 0
    assert time.monotonic() - started < 3
    assert "Traceback" not in err
