"""The program as a whole: signals in every state, a kill while recording, a full disk, a taken port, secrets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import pytest

from streamer.soak.site import Site, free_port
from tests.faults import ledger
from tests.faults.runs import Run
from tests.process.processes import streamer
from tests.requirements import require

SCENE = "scene:?seed=2&objects=2&size=320x240&fps=15&frames=0&realtime"


@pytest.fixture
def start(tmp_path):
    def run(source: str, *options: str, model: str = "still", env: dict[str, str] | None = None) -> Run:
        return Run(tmp_path, source, *options, model=model, env=env)

    return run


@pytest.fixture
def silent():
    """A server that accepts and says nothing."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


def ended_by(number: int, run: Run, state: str) -> str:
    """What it printed after a signal, which ends it within three seconds whatever it was doing."""
    began = time.monotonic()
    run.process.send_signal(number)
    out = run.ended(timeout=30)
    took_s = time.monotonic() - began
    ledger.note(f"{signal.Signals(number).name} while {state}: until it has ended", took_s)
    assert took_s < 3.0, run.said()
    assert "Traceback" not in run.said()
    return out


@pytest.mark.parametrize("after_s", [0.3, 2.0, 5.0])
def test_a_signal_while_it_starts(after_s, start):
    run = start(SCENE, model="nano")
    time.sleep(after_s)
    ended_by(signal.SIGTERM, run, f"starting, after {after_s:g} s")


def test_a_signal_while_it_waits_for_a_camera_that_refuses(start):
    run = start(f"rtsp://127.0.0.1:{free_port()}/cam", "--reconnect", "always")
    run.wait(lambda: ("lost", "refused") in run.events())
    ended_by(signal.SIGTERM, run, "waiting to connect again")


def test_a_signal_while_a_read_is_blocked(start, silent):
    run = start(f"rtsp://127.0.0.1:{silent}/cam", "--reconnect", "always", "--control", "tcp://127.0.0.1:*")
    run.wait(lambda: "listening for commands" in run.said(), 40)
    time.sleep(1.5)
    ended_by(signal.SIGTERM, run, "connecting, read blocked")


@pytest.mark.parametrize(("number", "model"), [(signal.SIGTERM, "nano"), (signal.SIGINT, "still")])
def test_a_signal_while_it_tracks_and_records(number, model, start, tmp_path):
    run = start(SCENE, "--sink", str(tmp_path / "out.mp4"), model=model)
    run.wait_for_frames(10)
    out = ended_by(number, run, "tracking and recording")
    assert run.process.returncode == 0
    tracked = json.loads(out)["frames_tracked"]
    assert tracked >= 10
    assert frames_in(tmp_path / "out.mp4") == tracked


def test_a_signal_while_a_camera_is_frozen(start):
    with Site() as site:
        run = start(site.url)
        run.wait_for_frames(5)
        site.freeze_server()
        time.sleep(1.5)
        ended_by(signal.SIGTERM, run, "the camera is frozen, read blocked")
        site.thaw_server()


def test_a_signal_while_a_push_is_blocked(start, silent):
    run = start(SCENE, "--sink", f"rtmp://127.0.0.1:{silent}/live/x")
    run.wait_for_frames(30)
    ended_by(signal.SIGTERM, run, "a push is blocked")


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


def test_a_kill_while_recording_leaves_every_file_playable(start, tmp_path):
    run = start(SCENE, "--sink", f"{tmp_path}/parts.mp4?every=2", "--sink", str(tmp_path / "whole.mkv"))
    run.wait_for_frames(80)
    run.process.kill()
    run.process.wait()
    parts = sorted(tmp_path.glob("parts-*.mp4"))
    counts = [frames_in(path) for path in parts]
    ledger.note(f"kill -9 while recording: {len(parts)} parts and one Matroska play", 0.0)
    assert len(parts) >= 3
    assert all(count > 0 for count in counts[:-1])  # the last may have begun just now
    assert frames_in(tmp_path / "whole.mkv") > 40
    for line in run.file.read_text().splitlines()[:-1]:
        json.loads(line)


def test_a_full_disk_costs_the_recording_alone_and_it_goes_on_when_there_is_room(start, tmp_path):
    require("root", os.geteuid() == 0, "mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False)
    require("tmpfs", not made.returncode, f"no small disk can be mounted: {made.stderr.decode().strip()}")
    try:
        (disk / "ballast").write_bytes(b"\0" * 200_000)
        run = start(SCENE, "--sink", f"{disk}/out.mp4?required=0")
        run.wait(lambda: "the disk is full" in run.said(), 60)
        run.wait_for_frames(20)
        (disk / "ballast").unlink()
        freed = time.monotonic()
        run.wait(lambda: len(list(disk.glob("out*.mp4"))) > 1 and len(run.frames()) > 0, 60)
        ledger.note("disk full: until it is written to again", time.monotonic() - freed)
        run.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def test_a_taken_port_is_one_line_that_names_it(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        process = streamer("run", "--source", SCENE, "--model", "still", "--frames", "3", "--sink", f"zmq:{endpoint}")
        _, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if not line.startswith("I ")]
    assert process.returncode not in (0, None)
    assert len(said) == 1
    assert endpoint in said[0]
    assert "Choose another port" in said[0]


def test_a_password_is_in_nothing_that_a_run_says_or_writes(start, tmp_path):
    secret = "hunter2secret"
    with Site() as site:
        site.with_password(secret)
        url = site.url.replace("first", secret)
        push = f"rtsp://viewer:{secret}@127.0.0.1:{free_port()}/out"
        options = ("--sink", push, "--control", "tcp://127.0.0.1:*", "--state", str(tmp_path / "state"), "--debug")
        run = start(url, *options, model="nano")
        run.wait_for_frames(5)
        site.stop_server()
        run.wait(lambda: ("lost", "ended") in run.events())
        run.wait(lambda: len(run.events()) > 1)
        endpoint = run.said().split("listening for commands on ")[1].split()[0]
        told, _ = streamer("status", endpoint).communicate(timeout=30)
        out = ended_by(signal.SIGTERM, run, "a camera is away")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert "***@127.0.0.1" in run.said()
    assert "frames_tracked" in told
    for text in (out, told, run.said()):
        assert secret not in text
    assert all(secret.encode() not in data for data in written)


@pytest.mark.parametrize("fault", ["unplugged", "stalled"])
def test_a_webcam_that_fails_comes_back_with_its_object(fault, start, fake_webcam):
    how = {"unplugged": {"FAKE_V4L2_FRAMES": "40"}, "stalled": {"FAKE_V4L2_STALL": "40"}}[fault]
    run = start("camera:0", env=fake_webcam | how)
    run.wait(lambda: [event for event in run.events() if event[0] == "restored"] == [("restored", fault)])
    run.wait_for_frames()
    gap = next(line["gap_s"] for line in run.lines() if line.get("event") == "restored")
    summary = run.stop()
    ledger.note(f"webcam {fault}: until frames are back", gap, kept=len(summary["objects"]), objects=1)
    assert [entry["id"] for entry in summary["objects"]] == [1]


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
