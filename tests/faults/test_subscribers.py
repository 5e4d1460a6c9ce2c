"""Subscribers that stop reading and commands that flood: the tracker does not notice."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest

from streamer.bus.command_client import CommandClient
from streamer.bus.publisher import Publisher
from streamer.bus.subscriber import NothingFresh, Subscriber
from streamer.process.memory import resident_mb
from streamer.sinks.mjpeg import MjpegSink
from streamer.soak.watched import Watched
from tests.faults import ledger
from tests.faults.test_cameras import STEADY, rate
from tests.process.processes import ROOT, streamer

FLOOD = """
import sys, time, zmq
from streamer.types import Remove
from streamer.bus.requests import pack_request
socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
socket.connect(sys.argv[1])
sent, until = 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    for garbage in (pack_request([Remove(99)]), b"", b"\\xff" * 2000, b"\\x81\\xa1v\\xcb\\x7f\\xf8" + b"\\0" * 6):
        try:
            socket.send_multipart([b"", garbage], zmq.NOBLOCK)
            sent += 1
        except zmq.Again:
            time.sleep(0.0005)
print(sent)
"""


@pytest.fixture
def published(site, tracker, nothing_leaks):
    publisher = Publisher("tcp://127.0.0.1:*")
    with Watched(site.url, tracker, backoff=STEADY(), sinks={"zmq": publisher}, control="tcp://127.0.0.1:*") as watched:
        watched.wait_for_pictures()
        watched.wait(lambda: watched.endpoint is not None, 5, "a command server")
        time.sleep(1.0)
        yield watched, publisher.endpoint


def test_a_frozen_subscriber_costs_no_rate_and_no_memory_and_reads_the_newest_after(published):
    watched, endpoint = published
    reader = streamer("subscribe", endpoint, "--source", "cam", "--json", "--count", "100000")
    pictures = streamer("subscribe", endpoint, "--source", "cam", "--json", "--count", "100000")
    time.sleep(1.5)
    before = rate(watched)
    for process in (reader, pictures):
        process.send_signal(signal.SIGSTOP)
    start_mb = resident_mb()
    during = rate(watched, 8.0)
    grown_mb = resident_mb() - start_mb
    reader.send_signal(signal.SIGCONT)
    pictures.kill()
    after = rate(watched)
    with Subscriber(endpoint, "cam") as other:
        age_ms = other.receive(2.0).age_ms(time.time_ns())
    ledger.note(
        "subscriber frozen (SIGSTOP) for 8 s: the tracker",
        0.0,
        stale=watched.probe.stale,
        kept=watched.kept(),
        objects=1,
    )
    assert during > 0.95 * before
    assert after > 0.95 * before
    assert grown_mb < 3
    assert age_ms < 500


def test_a_subscriber_that_vanishes_in_the_middle_is_forgotten(published):
    watched, endpoint = published
    before = rate(watched)
    for _ in range(5):
        reader = streamer("subscribe", endpoint, "--source", "cam", "--json", "--count", "100000")
        time.sleep(0.8)
        reader.kill()
    during = rate(watched)
    ledger.note("5 subscribers killed: the tracker", 0.0, stale=watched.probe.stale, kept=watched.kept(), objects=1)
    assert during > 0.95 * before


def test_a_browser_that_freezes_or_is_gone_costs_no_rate(site, tracker, nothing_leaks):
    sink = MjpegSink("127.0.0.1", 0)
    port = int(sink.endpoint.rstrip("/").rpartition(":")[2])
    with Watched(site.url, tracker, backoff=STEADY(), sinks={"page": sink}) as watched:
        watched.wait_for_pictures()
        time.sleep(1.0)
        readers = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
        for reader in readers:
            reader.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        before = rate(watched)  # the kernel takes what they do not read, for a while
        for reader in readers[:3]:
            reader.close()
        during = rate(watched, 8.0)
        assert sink.readers <= 3
        ledger.note(
            "3 browsers gone, 3 frozen: the tracker", 0.0, stale=watched.probe.stale, kept=watched.kept(), objects=1
        )
        for reader in readers[3:]:
            reader.close()
    assert during > 0.95 * before


def test_a_flood_of_commands_and_garbage_waits_at_its_sender_and_honest_ones_get_through(published):
    watched, _ = published
    assert watched.endpoint is not None
    before, start_mb = rate(watched), resident_mb()
    words = [sys.executable, "-c", FLOOD, watched.endpoint, "8"]
    flood = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    time.sleep(1.0)
    during = rate(watched)
    began = time.monotonic()
    with CommandClient(watched.endpoint, timeout_s=5) as honest:
        assert honest.status()["frames_tracked"] > 0
    took_s = time.monotonic() - began
    assert flood.poll() is None
    sent = int(flood.communicate(timeout=30)[0])
    ledger.note(
        f"flood of commands, {sent // 8 // 100 * 100} a second get through: until another client's command is answered",
        took_s,
        stale=watched.probe.stale,
        kept=watched.kept(),
        objects=1,
    )
    assert sent > 3000
    assert took_s < 1
    assert during > 0.9 * before
    assert resident_mb() - start_mb < 20


def test_what_is_stale_is_refused_by_a_subscriber_that_asks(published):
    _, endpoint = published
    with Subscriber(endpoint, "cam", max_age_ms=1.0) as picky, pytest.raises(NothingFresh, match="were refused"):
        picky.receive(1.0)
