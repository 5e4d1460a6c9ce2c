"""A source that fails, stalls, freezes, jumps and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from streamer.config.settings import SourceSettings
from streamer.errors import SourceError, UsageError
from streamer.events.types import SourceEvent
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.rate_limit import BACKOFF_S, Backoff
from streamer.sources import is_camera
from streamer.sources.checks import Checks
from streamer.sources.watch import MAX_STUCK, WatchedSource
from streamer.types import Frame
from tests.fakes import FakeTracker, ListSink, picture


@dataclass(frozen=True)
class Watch:
    """How a source is watched in a test, without jitter."""

    stall_s: float = 5.0
    frozen_s: float | None = 30.0
    open_s: float = 20.0
    steps_s: tuple[float, ...] = BACKOFF_S

    def options(self) -> dict[str, Any]:
        settings = SourceSettings(uri="camera:0", stall_s=self.stall_s, frozen_s=self.frozen_s)
        return {"settings": settings, "backoff": Backoff(self.steps_s), "open_s": self.open_s}


QUICK = Watch(stall_s=0.3, frozen_s=None, open_s=0.6, steps_s=(0.02, 0.05))


class Scripted:
    """A connection that does as it is told, frame by frame."""

    name, live = "camera", True
    codec = ""
    nominal_fps: float | None = None

    def __init__(self, script: Callable[[threading.Event], Iterator[Frame]]) -> None:
        self._script = script
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        return self._script(self.closed)

    def close(self) -> None:
        self.closed.set()


class KeyFrameLate(Scripted):
    """Packets arrive from the beginning, and the first frame after a while."""

    def __init__(self, script: Callable[[threading.Event], Iterator[Frame]], packets: Callable[[], int]) -> None:
        super().__init__(script)
        self._packets = packets

    @property
    def undecoded(self) -> int:
        return self._packets()


def pictures(count: int, *, size=(48, 64), same=False) -> Callable[[threading.Event], Iterator[Frame]]:
    def script(closed: threading.Event) -> Iterator[Frame]:
        for index in range(count):
            if closed.is_set():
                return
            image = np.full((*size, 3), 0 if same else index % 256, np.uint8)
            yield Frame.from_image(image, index=index, source="camera")
            time.sleep(0.01)

    return script


def then(*parts, error: SourceError | None = None, hangs: bool = False):
    """Parts one after the other, then an error, a read that does not return, or the end."""

    def script(closed: threading.Event) -> Iterator[Frame]:
        for part in parts:
            yield from part(closed)
        if hangs:
            time.sleep(1.5)
        if error is not None:
            raise error

    return script


def watched(*scripts, watch: Watch = QUICK) -> tuple[WatchedSource, list[Scripted]]:
    """A source whose connections follow the scripts in turn, the last one from then on."""
    made: list[Scripted] = []

    def connect() -> Scripted:
        script = scripts[min(len(made), len(scripts) - 1)]
        made.append(Scripted(script))
        if isinstance(script, Exception):
            raise script
        return made[-1]

    return WatchedSource(connect, name="camera", **watch.options()), made


def take(source: WatchedSource, frames: int) -> tuple[list[Frame], list[SourceEvent]]:
    seen: list[Frame] = []
    events: list[SourceEvent] = []
    for item in source:
        (seen if isinstance(item, Frame) else events).append(item)  # type: ignore[arg-type]
        if len(seen) == frames:
            break
    source.close()
    return seen, events


def test_a_stream_that_ends_is_connected_again_and_frames_count_on():
    source, made = watched(pictures(5), pictures(100))
    frames, events = take(source, 12)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.epoch for frame in frames] == [0] * 5 + [1] * 7
    assert [(event.kind, event.cause) for event in events] == [("lost", "ended"), ("restored", "ended")]
    assert events[1].gap_s >= 0.02
    assert events[1].epoch == 1
    assert len(made) == 2


def test_it_need_not_be_there_at_start_and_waits_longer_each_time():
    refused = SourceError("rtsp://camera: connection refused", "refused")
    source, made = watched(refused, refused, refused, pictures(100))
    began = time.monotonic()
    frames, events = take(source, 3)
    assert time.monotonic() - began >= 0.02 + 0.05 + 0.05
    assert [(event.kind, event.cause) for event in events] == [("lost", "refused")] * 3 + [("restored", "refused")]
    assert "connection refused; retrying in" in events[0].message
    assert frames[0].index == 0
    assert frames[0].epoch == 1
    assert len(made) == 4


def test_a_read_that_never_returns_is_left_behind():
    source, made = watched(then(pictures(3), hangs=True), pictures(100))
    began = time.monotonic()
    frames, events = take(source, 6)
    assert time.monotonic() - began < 1.2
    assert events[0].cause == "stalled"
    assert "no frame for 0.3 s" in events[0].message
    assert made[0].closed.is_set()
    assert [frame.epoch for frame in frames] == [0, 0, 0, 1, 1, 1]


def test_a_server_that_accepts_and_says_nothing_times_out():
    source, _ = watched(then(hangs=True), pictures(100))
    _, events = take(source, 1)
    assert [(event.kind, event.cause) for event in events] == [("lost", "timeout"), ("restored", "timeout")]


@pytest.mark.parametrize("arrive", [True, False])
def test_a_camera_with_rare_key_frames_is_waited_for_while_packets_arrive(arrive, caplog, monkeypatch):
    monkeypatch.setattr("streamer.sources.watch.KEY_FRAME_S", 0.1)
    began = time.monotonic()

    def late(closed: threading.Event) -> Iterator[Frame]:
        closed.wait(1.2)  # twice the time in which a first frame is expected
        yield from pictures(2)(closed)

    def connect() -> Scripted:
        return KeyFrameLate(late, lambda: int((time.monotonic() - began) * 100) if arrive else 0)

    source = WatchedSource(connect, name="camera", **QUICK.options())
    if arrive:
        frames, events = take(source, 1)
        assert (len(frames), events) == (1, [])
        assert caplog.text.count("no key frame yet") == 1
    else:
        lost = next(iter(source))
        source.close()
        assert isinstance(lost, SourceEvent)
        assert "no frame for 0.6 s" in lost.message


def test_readers_that_hang_are_bounded():
    source, _ = watched(then(hangs=True), watch=Watch(0.05, None, 0.05, (0.01,)))
    events = [event for event, _ in zip(source, range(5), strict=False)]
    source.close()
    assert len(events) == 5
    hanging = [thread for thread in threading.enumerate() if thread.name == "read camera"]
    assert len(hanging) <= MAX_STUCK + 1


def test_a_frozen_picture_is_a_failure_and_a_still_one_may_be_allowed():
    freezing = then(pictures(3), pictures(200, same=True))
    source, _ = watched(freezing, pictures(100), watch=Watch(0.5, 0.2, 0.5, (0.01,)))
    _, events = take(source, 40)
    assert events[0].cause == "frozen"
    source, _ = watched(freezing, watch=Watch(0.5, None, 0.5, (0.01,)))
    _, events = take(source, 60)
    assert events == []


def test_another_size_and_a_clock_that_jumps_raise_the_epoch_without_a_gap():
    jumping = timed(*((0.01 * n + (100 if n > 3 else 0), 0.01 * n) for n in range(7)))  # its first is left out
    source, made = watched(then(pictures(3), pictures(3, size=(24, 32)), jumping, pictures(100)))
    frames, events = take(source, 12)
    assert [event.cause for event in events][:3] == ["resized", "resized", "clock"]
    assert {event.kind for event in events} == {"jumped"}
    assert "changed from 64 x 48 to 32 x 24" in events[0].message
    assert [frame.epoch for frame in frames] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert len(made) == 1


def test_another_codec_after_a_reconnect_is_said():
    made: list[Scripted] = []

    def connect() -> Scripted:
        made.append(Scripted(pictures(3 if not made else 100)))
        made[-1].codec, made[-1].nominal_fps = ("h264", 15.0) if len(made) == 1 else ("hevc", 25.0)
        return made[-1]

    source = WatchedSource(connect, name="camera", **QUICK.options())
    frames, events = take(source, 6)
    assert [(event.kind, event.cause) for event in events] == [
        ("lost", "ended"),
        ("restored", "ended"),
        ("jumped", "codec"),
    ]
    assert "the stream's codec changed from h264 to hevc" in events[-1].message
    assert {frame.epoch for frame in frames[3:]} == {1}
    assert (source.codec, source.nominal_fps) == ("hevc", 25.0)


def timed(*moments: tuple[float, float]) -> Callable[[threading.Event], Iterator[Frame]]:
    """Pictures with these times of their own and of their arrival, in seconds."""

    def script(_closed: threading.Event) -> Iterator[Frame]:
        for index, (pts_s, arrived_s) in enumerate(moments):
            yield replace(picture(index, source="camera"), pts_s=pts_s, captured_ns=int(arrived_s * 1e9))
            time.sleep(0.005)

    return script


def test_what_a_pause_of_the_network_held_up_is_left_out_until_pictures_are_of_now(caplog):
    held = [(0.1 * n, max(0.1 * n, 3.05) if n > 5 else 0.1 * n) for n in range(40)]
    source, _ = watched(timed(*held))
    frames, events = take(source, 24)
    lateness = [frame.captured_ns / 1e9 - frame.pts_s for frame in frames]
    assert max(lateness) <= 1.0
    assert [frame.index for frame in frames] == [*range(5), *range(20, 39)]
    assert (source.late, events) == (15, [])
    assert caplog.text.count("frames arrive late") == 1


QUEUED = {
    "kept by the server": ([0.1 * n for n in range(20)], [0.01 * n for n in range(4)]),
    "kept before the server, which stamped them anew": ([1e-4 * n for n in range(4)], [1e-3 * n for n in range(4)]),
}


@pytest.mark.parametrize("where", QUEUED)
def test_first_pictures_that_come_all_at_once_are_of_before(where):
    taken, arrived = QUEUED[where]
    taken = taken[:4] + [taken[3] + 0.1 * n for n in range(1, 17)]
    arrived = arrived + [arrived[3] + 0.1 * n for n in range(1, 17)]
    checks, began_ns = Checks(stale_s=1.0, frozen_s=None), time.monotonic_ns()
    late = [
        checks.stale(replace(picture(n, source="camera"), pts_s=pts_s, captured_ns=began_ns + int(at_s * 1e9)))
        for n, (pts_s, at_s) in enumerate(zip(taken, arrived, strict=True))
    ]
    assert late == [True] * 4 + [False] * 16


def test_a_network_that_stays_behind_is_connected_anew():
    behind = timed(*((0.01 * n, 0.01 * n + (2 if n > 3 else 0)) for n in range(400)))
    source, made = watched(behind, pictures(100))
    frames, events = take(source, 8)
    assert [event.cause for event in events] == ["stalled", "stalled"]
    assert len(made) == 2
    assert frames[2].epoch + 1 == frames[3].epoch


def test_a_camera_whose_clock_runs_slow_is_believed_no_longer_and_goes_on(caplog):
    """Its stamps say 30 pictures a second at 25: as it were, each is 7 ms later than the one before."""
    slow = timed(*((n / 30, 100 + n / 25) for n in range(2000)))
    source, made = watched(slow)
    frames, events = take(source, 800)
    assert [(event.kind, event.cause) for event in events] == [("lost", "stalled"), ("restored", "stalled")] * 3
    assert len(made) == 4
    assert caplog.text.count("the camera's clock drifts") == 1
    assert len(frames) == 800


def test_clocks_that_drift_apart_make_nothing_late():
    drifting = timed(*((0.1 * n, 0.10009 * n) for n in range(40_000, 40_100)))
    source, _ = watched(timed(*((0.1 * n, 0.10009 * n) for n in range(0, 20_000, 200))), drifting)
    frames, _ = take(source, 100)
    assert len(frames) == 100
    assert source.late == 0


def test_closing_ends_a_wait_and_a_read_at_once():
    patient = Watch(30, None, 30, (30,))
    for script in (then(pictures(2), hangs=True), then(pictures(2), error=SourceError("gone", "ended"))):
        source, _ = watched(script, watch=patient)
        thread = threading.Thread(target=lambda source=source: list(source))
        thread.start()
        time.sleep(0.2)
        source.close()
        thread.join(1.0)
        assert not thread.is_alive()


def test_what_can_never_work_is_not_tried_again():
    source, made = watched(UsageError("camera:x: give a number"))
    with pytest.raises(UsageError, match="give a number"):
        take(source, 1)
    assert len(made) == 1


class Listening(ListSink):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[SourceEvent] = []

    def notify(self, event: SourceEvent) -> None:
        self.events.append(event)


def test_a_pipeline_goes_on_across_a_gap_and_tells_its_sinks():
    source, _ = watched(pictures(8), pictures(500))
    listening, deaf = Listening(), ListSink()
    run = Pipeline(source, FakeTracker(), {"a": listening, "b": deaf}, limits=Limits(frames=20))
    run.run()
    assert [event.kind for event in listening.events] == ["lost", "restored"]
    assert run.status()["events"] == {"lost ended": 1, "restored ended": 1}
    assert "back after" in run.status()["last_event"]
    across = next(result for result in listening.results if result.frame.epoch == 1)
    assert across.gap_s >= 0.02
    assert listening.results[0].gap_s == 0
    assert source._closed.is_set()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("camera:0", True),
        ("/dev/video0", True),
        ("rtsp://host/x", True),
        ("http://host/stream.m3u8", True),
        ("http://host/clip.mp4?x=1", False),
        ("clip.mp4?realtime", False),
        ("scene:?realtime", False),
        ("lavfi:testsrc2,realtime", False),
    ],
)
def test_only_cameras_and_streams_are_watched(uri, expected):
    assert is_camera(uri) is expected
