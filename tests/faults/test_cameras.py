"""Cameras, servers and wires that fail and come back."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from streamer.config.settings import SourceSettings, TrackingSettings
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.tracker import StreamingTracker
from streamer.events.types import SourceEvent
from streamer.rate_limit import BACKOFF_S, Backoff
from streamer.soak.faults import FAULTS, Fault
from streamer.soak.site import Site, free_port
from streamer.soak.watched import STALE_S, Watched
from streamer.sources import open_source
from streamer.sources.watch import WatchedSource
from tests.faults import ledger

OBJECTS = 2
SETTLE_S = 1.0  # some three checks of the masks against the truth
SLOW = (  # much like others: the server frozen, and a link that is down or narrow in test_network.py
    "camera frozen for 7 s (SIGSTOP)",
    "network held for 8 s",
    "bandwidth cut to 4 kB/s",
)
SLACK_S = 2.0  # beyond the wait that it was in when the peer came back
STEADY = Backoff  # without jitter


def test_the_slow_faults_are_faults():
    assert set(SLOW) <= {fault.name for fault in FAULTS}


def step_s(watched: Watched, since: int) -> float:
    """The wait before the attempt that succeeded."""
    events = watched.probe.events[since:]
    losses = [event for event in events if isinstance(event, SourceEvent) and event.kind == "lost"]
    return BACKOFF_S[min(len(losses), len(BACKOFF_S)) - 1] if losses else 0.0


@pytest.mark.parametrize("again", range(ledger.TIMES))
@pytest.mark.parametrize(
    "fault", [pytest.param(each, marks=[pytest.mark.slow] * (each.name in SLOW), id=each.name) for each in FAULTS]
)
def test_what_fails_comes_back_with_its_objects_and_nothing_stale_is_called_live(
    fault: Fault, again, site, tracker, nothing_leaks
):
    with Watched(site.url, tracker, backoff=STEADY(), objects=OBJECTS) as watched:
        watched.wait_for_frames()
        time.sleep(SETTLE_S)
        kept_before = watched.kept()
        since, probe = len(watched.probe.events), watched.probe
        probe.allowed_s = STALE_S + fault.in_truth_s
        fault.begin(site)
        time.sleep(fault.lasts_s)
        fault.mend(site)
        recovery_s = watched.wait_for_frames()
        allowed_s = step_s(watched, since) + SLACK_S
        time.sleep(SETTLE_S)
        kept = watched.kept()
        ledger.note(fault.name, recovery_s, stale=probe.stale, kept=kept, objects=kept_before)
        said = probe.causes(since)
    assert recovery_s <= allowed_s, said
    assert probe.stale == 0, probe.oldest_s
    assert probe.ids == frozenset(range(1, OBJECTS + 1))
    assert set(said) <= fault.causes
    assert bool(said) == bool(fault.causes)
    assert kept == kept_before


def test_a_camera_that_is_not_up_at_the_start_is_waited_for(tracker, nothing_leaks):
    port = free_port()
    with Watched(f"rtsp://viewer:first@127.0.0.1:{port}/cam", tracker, backoff=STEADY()) as watched:
        watched.wait(lambda: watched.probe.causes() == ["refused", "refused"], 10, "two refusals")
        with Site(port) as site:
            recovery_s = watched.wait_for_frames()
            allowed_s = step_s(watched, 0) + SLACK_S
            ledger.note("not up at start", recovery_s, stale=watched.probe.stale)
            assert site.port == port
    assert recovery_s <= allowed_s
    assert watched.probe.stale == 0


def test_a_picture_that_stays_the_same_is_a_failure(site, tracker, nothing_leaks):
    """The camera goes on sending one picture; it is called live for as long as the limit says."""
    still = "lavfi:color=c=gray:size=320x240:rate=15,realtime"
    settings = SourceSettings(uri=still, frozen_s=2.0)
    source = WatchedSource(lambda: open_source(still), settings=settings, name="cam", backoff=STEADY())
    began, events = time.monotonic(), []
    for item in source:
        if hasattr(item, "cause"):
            events.append(item)
            break
    took_s = time.monotonic() - began
    source.close()
    ledger.note("frame frozen, limit 2 s: until it is reported", took_s)
    assert events[0].cause == "frozen"
    assert took_s < 2.0 + SLACK_S


def test_a_server_that_accepts_and_says_nothing_is_a_timeout(tracker, nothing_leaks):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam"
        with Watched(url, tracker, backoff=STEADY()) as watched:
            took_s = watched.wait(lambda: bool(watched.probe.causes()), 30, "a failure")
            began = time.monotonic()
        ledger.note("server accepts and sends nothing: until it is reported", took_s)
    assert time.monotonic() - began < 3.0
    assert watched.probe.causes()[0] == "timeout"


def test_a_server_that_speaks_http_is_not_taken_for_a_camera(tracker, nothing_leaks):
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(400)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with Watched(f"rtsp://127.0.0.1:{server.server_port}/cam", tracker, backoff=STEADY()) as watched:
        took_s = watched.wait(lambda: bool(watched.probe.causes()), 30, "a failure")
    server.shutdown()
    thread.join()
    server.server_close()
    ledger.note("server speaks HTTP: until it is reported", took_s)
    assert watched.probe.causes()[0] in ("corrupt", "timeout", "failed")
    assert watched.probe.results == 0


def test_one_camera_that_fails_disturbs_no_other(site, nano, runtime, nothing_leaks):
    other = StreamingTracker(runtimes.start(runtime.name, nano), TrackingSettings())
    one = StreamingTracker(runtime, TrackingSettings())
    with (
        Site() as broken,
        Watched(site.url, one, backoff=STEADY(), name="whole") as whole,
        Watched(broken.url, other, backoff=STEADY(), name="broken") as failing,
    ):
        whole.wait_for_frames()
        failing.wait_for_frames()
        time.sleep(1.0)
        before = rate(whole)
        broken.stop_server()
        during = rate(whole)
        broken.restart_server()
        failing.wait_for_frames()
        ledger.note("one of two cameras killed: the other", 0.0, stale=whole.probe.stale, kept=whole.kept(), objects=1)
    assert during > 0.9 * before
    assert whole.probe.causes() == []


def rate(watched: Watched, seconds: float = 4.0) -> float:
    """Results a second."""
    before = watched.probe.results
    time.sleep(seconds)
    return (watched.probe.results - before) / seconds
