"""Random commands over HTTP and ZeroMQ against `streamer serve` while its disk, its database and its cameras fail."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from streamer.client import Client
from streamer.errors import StreamerError
from streamer.events.journal import read
from streamer.process.threads import Background, background
from streamer.soak.actor import Actor
from streamer.soak.havoc import Havoc, disk
from streamer.soak.http_camera import HttpCamera
from streamer.soak.site import free_port

log = logging.getLogger(__name__)
START_S, LEAVE_S, STORE_S, STOP_S = 60.0, 40.0, 30.0, 10.0
SAMPLE_S = 0.5
RATE = 13.0  # commands per second of each camera: three of them stay below the server's limit of 50
GROWTH, SLACK_MB = 1.1, 12.0  # of memory, from the second fifth of a run to the last
JUDGED_S = 120.0  # a shorter run has not filled its buffers, so its memory is only reported
MAX_FINDINGS = 50


@dataclass(slots=True)
class Report:
    """What was done, and what should not have happened."""

    commands: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)

    def found(self, finding: str) -> None:
        log.error("finding: %s", finding)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def monkey(commands: int, seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """Commands until there are enough, or the time is over; then everything is repaired, and must work again."""
    report, began = Report(), time.monotonic()
    with contextlib.ExitStack() as opened:
        cameras = [opened.enter_context(HttpCamera(seed)) for seed in (1, 2)]
        space = opened.enter_context(disk(folder / "disk"))
        process, url, endpoints = opened.enter_context(_served(folder, space, [camera.url for camera in cameras]))
        havoc = Havoc(cameras, space, space / "events.sqlite", random.Random(seed))
        numbers, stop = itertools.count(1), threading.Event()
        actors = [
            Actor(name, endpoint, url, report, random.Random(f"{seed} {name}")) for name, endpoint in endpoints.items()
        ]
        acts = {actor.name: partial(_act, actor, numbers, commands, stop) for actor in actors}
        threads = [background(f"monkey {name}", act) for name, act in acts.items()]
        _wait(threads, process, havoc, report, began + seconds)
        stop.set()
        for thread in threads:
            thread.join(LEAVE_S)
        havoc.repair()
        if process.poll() is None:
            _leave(url, list(endpoints), report)
        missing = _missing_events(space / "events.sqlite", actors)
        report.findings += [f"event lost: no `started` of {name} object {number}" for name, number in missing]
        _stop(process, report)
        _read_log(folder / "serve.log", report)
        tried, stored = dict(havoc.tried), len(read(space / "events.sqlite"))
    return _figures(report, actors, time.monotonic() - began) | {"seed": seed, "faults": tried, "events": stored}


def _read_log(file: Path, report: Report) -> None:
    """A traceback in the server's log is a finding, with its last line; so is whatever it said before it died."""
    lines = file.read_text(errors="replace").splitlines()
    for at, line in enumerate(lines):
        if line.startswith("Traceback"):
            last = next((each for each in lines[at + 1 :] if each[:1].strip()), "")
            report.found(f"a traceback in the server's log: {last:.200}")
    if lines and lines[-1].startswith("streamer: "):
        report.found(f"the server said: {lines[-1]:.300}")


def _figures(report: Report, actors: Sequence[Actor], lasted_s: float) -> dict[str, Any]:
    memory = _fifths(report.resident_mb)
    if lasted_s > JUDGED_S and memory[-1] > GROWTH * memory[1] + SLACK_MB:
        report.found(f"memory grew from {memory[1]} to {memory[-1]} MB")
    return {
        "seconds": round(lasted_s, 1),
        "commands": sum(report.commands.values()),
        "kinds": dict(report.commands.most_common()),
        "answers": dict(sorted(report.answers.items())),
        "objects_begun": sum(len(actor.begun) for actor in actors),
        "resident_mb": memory,
        "findings": report.findings,
    }


def _act(actor: Actor, numbers: Iterator[int], commands: int, stop: threading.Event) -> None:
    """Commands of one camera, in its own thread, at RATE at most."""
    with actor:
        while not stop.is_set() and next(numbers) <= commands:
            began = time.monotonic()
            actor.act()
            stop.wait(max(0.0, 1 / RATE - (time.monotonic() - began)))


def _wait(
    threads: Sequence[Background], process: subprocess.Popen[bytes], havoc: Havoc, report: Report, until: float
) -> None:
    """Faults and samples of memory until the actors are done; returns early where the server has died."""
    usage = psutil.Process(process.pid)
    while any(thread.running for thread in threads) and time.monotonic() < until:
        if process.poll() is not None:
            report.found(f"the server has died with exit code {process.returncode}")
            return
        report.resident_mb.append(usage.memory_info().rss / 1e6)
        havoc.step(time.monotonic())
        time.sleep(SAMPLE_S)


def _fifths(samples: Sequence[float]) -> list[float]:
    """Means of five parts of the samples."""
    size = max(1, len(samples) // 5)
    parts = [samples[at : at + size] for at in range(0, size * 5, size)]
    return [round(statistics.fmean(part), 1) if part else 0.0 for part in parts]


@contextlib.contextmanager
def _served(
    folder: Path, space: Path, urls: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], str, dict[str, str]]]:
    """A server with three cameras: yields its process, its address, and the command endpoints by camera."""
    port, names = free_port(), ("door", "yard", "scene")
    endpoints = {name: f"tcp://127.0.0.1:{free_port()}" for name in names}
    uris = (*urls, "scene:?realtime&frames=0&fps=10&size=320x240&objects=2")
    config = folder / "serve.json"  # JSON is YAML
    config.write_text(json.dumps(_settings(dict(zip(names, uris, strict=True)), endpoints, space, port)))
    with (folder / "serve.log").open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "streamer", "serve", str(config)], stderr=said)
    try:
        _await(lambda: _is_healthy(port) or process.poll() is not None, START_S, "the server")
        yield process, f"http://127.0.0.1:{port}", endpoints
    finally:
        process.kill()
        process.wait()


def _is_healthy(port: int) -> bool:
    """Whether all cameras are open: a server listens before."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=START_S).is_success
    except httpx.HTTPError:
        return False


def _settings(uris: dict[str, str], endpoints: dict[str, str], space: Path, port: int) -> dict[str, Any]:
    cameras = {
        name: {"source": {"uri": uri, "stall_s": 2}, "control": endpoints[name], "find": {"method": "motion"}}
        for name, uri in uris.items()
    }
    events = {
        "file": str(space / "events.sqlite"),
        "clips": str(space / "clips"),
        "before_s": 1,
        "after_s": 1,
        "max_size_mb": 4,
        "clips_max_size_mb": 6,
    }
    return {"model": {"id": "still"}, "cameras": cameras, "web": {"port": port}, "events": events}


def _await(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def _leave(url: str, names: Sequence[str], report: Report) -> None:
    """Whatever state a camera is in, a user can make it track again, and can remove it."""
    with Client(url) as client:
        for name in names:
            try:
                _await(lambda name=name: _works(client, name), LEAVE_S, f"camera {name} tracks again")
            except (TimeoutError, StreamerError) as error:
                report.found(f"camera {name} is in a state that a user cannot leave: {error}; {_state(client, name)}")


def _works(client: Client, name: str) -> bool:
    """Whether a camera resumes, forgets its objects, and takes a prompt, as a user would try it."""
    try:
        if client.camera(name)["state"] in ("ended", "stopped"):
            return False
        client.resume(name)
        for entry in client.objects(name):
            client.remove_object(name, entry["id"])
        object_id = client.prompt(name, box=(20, 20, 80, 80))
        client.remove_object(name, object_id)
    except StreamerError:
        time.sleep(0.5)
        return False
    return True


def _state(client: Client, name: str) -> str:
    try:
        camera = client.camera(name)
    except StreamerError as error:
        return str(error)
    return f"state {camera['state']}, error {camera['error']}"


def _missing_events(journal: Path, actors: Sequence[Actor]) -> list[tuple[str, int]]:
    """Objects that began without a `started` event in the journal, after time to store it."""
    begun = [(actor.name, number) for actor in actors for number in sorted(actor.begun)]
    deadline = time.monotonic() + STORE_S
    while True:
        stored = {(event["source"], event.get("object_id")) for event in read(journal) if event["event"] == "started"}
        missing = [key for key in begun if key not in stored]
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.5)


def _stop(process: subprocess.Popen[bytes], report: Report) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        report.found(f"the server did not end within {STOP_S:g} s of SIGTERM")
        return
    if code:
        report.found(f"the server ended with exit code {code}")
