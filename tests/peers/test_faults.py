"""Cameras that fail and come back: the program goes on, says what happened, and keeps its objects."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streamer.sources.watch import WAITS_S
from tests.peers.processes import ROOT, streamer
from tests.peers.rtsp_relay import Relay

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]
CAMERA = "scene:?seed=2&objects=2&size=320x240&fps=15&frames=0&realtime"
BOX = ("--box", "1:40,60,140,180")
SLACK_S = 2.0  # a recovery may take the wait that it is in, and so much more


class Run:
    """`streamer run` on a source, with its JSON lines read as they come."""

    def __init__(self, folder: Path, source: str, *options: str, env: dict[str, str] | None = None) -> None:
        self.file = folder / "run.jsonl"
        self.process = streamer("run", "--source", source, *BOX, "--sink", str(self.file), *options, "--json", env=env)

    def lines(self) -> list[dict]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text().splitlines() if line.endswith("}")]

    def events(self) -> list[tuple[str, str]]:
        return [(line["event"], line["cause"]) for line in self.lines() if "cause" in line]

    def frames(self) -> list[dict]:
        return [line for line in self.lines() if "objects" in line]

    def wait(self, condition, seconds: float = 60.0) -> float:
        """Seconds until the condition held."""
        began = time.monotonic()
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() - began < seconds, (self.events(), len(self.frames()))
            time.sleep(0.05)
        return time.monotonic() - began

    def wait_for_frames(self, more: int = 3) -> float:
        wanted = len(self.frames()) + more
        return self.wait(lambda: len(self.frames()) >= wanted)

    def stop(self) -> dict:
        """The summary after a SIGTERM, which must end it soon whatever it waits for."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        assert time.monotonic() - began < 3.5, err
        assert self.process.returncode == 0, err
        assert "Traceback" not in err
        return json.loads(out)


@pytest.fixture
def start(tmp_path):
    runs: list[Run] = []

    def run(source: str, *options: str, env: dict[str, str] | None = None) -> Run:
        runs.append(Run(tmp_path, source, *options, env=env))
        return runs[-1]

    yield run
    for started in runs:
        started.process.kill()
        started.process.wait()


def camera(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.peers.camera", CAMERA, url, "120"], cwd=ROOT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def published(relay: Relay) -> None:
    while not relay.is_published("cam"):
        time.sleep(0.02)


def test_a_server_that_comes_late_is_killed_and_returns_loses_no_object(start):
    port = free_port()
    run = start(f"rtsp://127.0.0.1:{port}/cam", "--reconnect", "always")
    run.wait(lambda: ("lost", "refused") in run.events())
    with Relay(port=port) as relay:
        first = camera(relay.url("cam"))
        published(relay)
        assert run.wait_for_frames() < max(WAITS_S[:4]) + SLACK_S
        first.kill()
        first.wait()
        run.wait(lambda: run.events()[-1][0] == "lost")
        second = camera(relay.url("cam"))
        published(relay)
        assert run.wait_for_frames() < max(WAITS_S[:4]) + SLACK_S
        summary = run.stop()
        second.kill()
        second.wait()
    frames = run.frames()
    assert [frame["objects"][0]["id"] for frame in frames] == [1] * len(frames)
    assert all(b["index"] > a["index"] for a, b in itertools.pairwise(frames))
    assert frames[-1]["epoch"] == frames[0]["epoch"] + 1 == 2
    assert summary["events"]["restored ended"] == 1
    assert sum(count for name, count in summary["events"].items() if name.startswith("restored")) == 2


def test_a_frozen_camera_is_stalled_and_not_taken_for_a_live_one(start):
    with Relay() as relay:
        pushing = camera(relay.url("cam"))
        published(relay)
        run = start(relay.url("cam"))
        run.wait_for_frames()
        pushing.send_signal(signal.SIGSTOP)
        run.wait(lambda: ("lost", "stalled") in run.events(), 15)
        seen = len(run.frames())
        time.sleep(1.5)
        assert len(run.frames()) == seen
        pushing.send_signal(signal.SIGCONT)
        run.wait_for_frames()
        assert ("restored", "stalled") in run.events() or ("restored", "timeout") in run.events()
        pushing.kill()
        pushing.wait()
        run.wait(lambda: run.events()[-1][0] == "lost")
        run.stop()


def test_a_server_that_accepts_and_says_nothing_is_a_timeout_and_a_signal_ends_the_wait(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []
        listening = threading.Thread(target=lambda: held.append(silent.accept()[0]))
        listening.start()
        run = start(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", "--reconnect", "always")
        run.wait(lambda: bool(run.events()), 40)
        assert run.events()[0] == ("lost", "timeout")
        run.stop()
        listening.join()
        held[0].close()


def test_a_webcam_that_is_unplugged_comes_back(start, fake_webcam):
    run = start("camera:0", env=fake_webcam | {"FAKE_V4L2_FRAMES": "40"})
    run.wait(lambda: run.events()[-2:] == [("lost", "unplugged"), ("restored", "unplugged")])
    run.wait_for_frames()
    summary = run.stop()
    assert [entry["id"] for entry in summary["objects"]] == [1]
    assert run.frames()[-1]["epoch"] >= 1


def test_a_push_to_a_frozen_server_delays_nothing_and_goes_on_after_it(start, tmp_path):
    """The peer takes nothing from the sixth picture on; a new one listens after it has been given up."""
    port = free_port()
    listener = (
        "import av, sys\n"
        f"options = {{'listen': '1', 'probesize': '32', 'analyzeduration': '0'}}\n"
        f"with av.open('rtmp://127.0.0.1:{port}/live/x', options=options, timeout=(60, 60)) as c:\n"
        "    for n, f in enumerate(c.decode(video=0)):\n"
        "        print(n, flush=True)\n"
    )

    def listen() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", listener], stdout=subprocess.PIPE, text=True)

    first = listen()
    time.sleep(1.5)  # until it listens; it says nothing when it does
    source = "scene:?size=1280x720&fps=15&frames=0&realtime"
    run = start(source, "--sink", f"rtmp://127.0.0.1:{port}/live/x")
    while first.stdout.readline() != "5\n":
        assert run.process.poll() is None
    first.send_signal(signal.SIGSTOP)
    began = len(run.frames())
    time.sleep(9.0)  # the kernel's buffers fill, and then nothing moves
    assert len(run.frames()) - began > 20
    first.kill()
    first.communicate()
    second = listen()
    assert second.stdout.readline() == "0\n"
    run.stop()
    second.kill()
    second.communicate()
