"""`streamer serve` in a process of its own, against tools that were made by others, and under load."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from websockets.sync.client import connect

from streamer.client import Client
from streamer.errors import StreamerError
from streamer.soak.endurance import frames_in
from tests.process.processes import finish, streamer

pytestmark = pytest.mark.timeout(300)

SCENE = "scene:?objects=2&size=320x240&fps=15&frames=0&realtime&occluder=0&shake=0"
SLOW = SCENE.replace("fps=15", "fps=4")
LONG_CLIPS = {"clip_kinds": ["started"], "before_s": 30, "after_s": 60}
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = Path(__file__).with_name("schemathesis.toml")
NOT_TRIED = (
    "/api/v1/ready",  # 503 is an answer of this one
    "/api/v1/session",  # slowed down on purpose
    "/api/v1/cameras/{camera}/stream.mjpeg",  # never ends
)
SETTINGS = ("/api/v1/cameras", "/api/v1/cameras/{camera}")  # whose bodies have most of the rules: 1300 requests


@pytest.fixture
def serve(tmp_path):
    """Starts `streamer serve` with these cameras: its address and its process."""

    def serve(*options, events=None, model="still", **cameras):
        keeps_state = model != "still"
        settings = {
            "model": {"id": model},
            "cameras": {
                name: {"source": {"uri": uri}, "state": str(tmp_path / f"{name}.state") if keeps_state else None}
                for name, uri in cameras.items()
            },
            "web": {"port": 0},
            "events": {"file": str(tmp_path / "events.sqlite"), "clips": str(tmp_path / "clips"), **(events or {})},
        }
        (tmp_path / "serve.yaml").write_text(yaml.safe_dump(settings))
        process = streamer("serve", str(tmp_path / "serve.yaml"), *options)
        for line in process.stderr:
            if found := re.search(r"the page is at (http[\w:/.]+)", line):
                return found[1], process
        raise AssertionError("it did not start")

    return serve


@pytest.mark.parametrize(
    "options",
    [
        ["--phases", "fuzzing,stateful"],
        ["--phases", "coverage", *(word for path in SETTINGS for word in ("--exclude-path", path))],
        pytest.param(
            ["--phases", "coverage", *(word for path in SETTINGS for word in ("--include-path", path))],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["random", "each rule", "each rule of settings"],
)
def test_the_api_agrees_with_its_document(serve, tmp_path, options):
    url, _ = serve(a=SLOW, b=SLOW)
    with Client(url) as client:
        client.prompt("a", points=[(160, 120)])
    excluded: list[str] = [word for path in NOT_TRIED for word in ("--exclude-path", path)]
    words = [
        "--config-file",
        str(CHECKS),
        "run",
        f"{url}/api/v1/openapi.json",
        *excluded,
        *options,
        "--max-examples",
        "3",
        "--workers",
        "1",  # of two, one may fail in CPython 3.11: "AST constructor recursion depth mismatch"
        "--rate-limit",
        "40/s",
        "--seed",
        "1",
    ]
    tried = subprocess.run(
        [SCHEMATHESIS, *words], capture_output=True, text=True, check=False, timeout=280, cwd=tmp_path
    )
    assert tried.returncode == 0, tried.stdout[-6000:]


def test_objects_survive_a_restart_and_a_signal_ends_it_in_time(serve):
    url, process = serve(model="nano", a=SCENE)
    with Client(url) as client:
        object_id = client.prompt("a", points=[(160, 120)])
        client.wait_for("a", object_id)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 3
    url, _ = serve(model="nano", a=SCENE)
    with Client(url) as client:
        assert object_id in client.wait_for("a", object_id).masks


def test_a_signal_ends_the_server_in_time_whatever_it_is_doing(serve, tmp_path):
    """A camera that says nothing, clips that wait for later pictures, and a reader that takes nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url, process = serve(a=SCENE, b=f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", events=LONG_CLIPS)
        with Client(url) as client, connect(url.replace("http", "ws") + "/api/v1/cameras/a/results") as reading:
            for object_id in (1, 2):
                client.prompt("a", object_id=object_id, points=[(160, 120)])
                client.wait_for("a", object_id)
            reading.recv()
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(10) == 0
            took_s = time.monotonic() - began
    print(f"\nSIGTERM: {took_s:.1f} s")
    assert took_s < 3
    clips = list((tmp_path / "clips").glob("*.mp4"))
    assert len(clips) == 2
    assert all(frames_in(clip) for clip in clips)


def test_the_log_is_json_if_requested(tmp_path):
    process = streamer("serve", "--source", SCENE, "--model", "still", "--port", "0", "--log", "json")
    line = json.loads(process.stderr.readline())
    assert line["level"] == "info"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)


def test_a_port_that_is_taken_is_one_line(serve):
    url, _ = serve(a=SCENE)
    port = url.rpartition(":")[2]
    process = streamer("serve", "--source", SCENE, "--model", "still", "--port", port)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert log.splitlines()[-1].startswith(f"streamer: web: cannot listen on 127.0.0.1:{port}: Address already in use")


def test_a_reader_notices_that_the_server_was_killed(serve):
    url, process = serve(a=SCENE)
    with Client(url) as client:
        reading = client.results("a")
        next(reading)
        process.kill()
        with pytest.raises(StreamerError):
            for _ in reading:
                pass


def test_cameras_get_equal_shares_and_removing_one_does_not_change_the_others():
    words = ["bench", "cameras", "--model", "still", "--seconds", "3", "--fps", "10", "--max-fps", "5", "--json"]
    figures = finish(streamer(*words), 120)
    assert min(figures["fps"].values()) >= 4
    assert figures["slowest_of_mean"] >= 0.8
    assert figures["others_changed_at_most"] <= 0.1


@pytest.mark.slow
def test_readers_do_not_slow_the_tracker_and_a_frozen_one_is_dropped():
    figures = finish(streamer("bench", "readers", "--seconds", "5", "--fps", "8", "--json"), 120)
    assert figures["ratio"] >= 0.9  # other tests may run beside this one; the bench by itself says more
    assert figures["frozen_dropped"] >= 1
