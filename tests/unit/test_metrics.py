"""What a run can say about itself."""

import numpy as np

from streamer.events.types import SourceEvent
from streamer.pipeline.meter import HOUR_NS, SourceMeter, TrackMeter
from streamer.types import Track, TrackResult

SECOND = 1_000_000_000


def track(object_id: int, state: str = "tracked") -> Track:
    return Track(object_id, np.zeros((1, 1), np.bool_), None, 0.5, 0.5, state)  # type: ignore[arg-type]


def event(kind: str, cause: str, at_ns: int) -> SourceEvent:
    return SourceEvent("cam", kind, cause, "", 0, at_ns, 0)  # type: ignore[arg-type]


def test_a_source_is_rated_by_the_last_seconds_beside_what_it_promises():
    meter = SourceMeter()
    for at_ns in range(0, 10 * SECOND, SECOND // 10):
        meter.capture(at_ns)
    assert meter.figures.captured == 100
    rated = meter.figures.quality(10 * SECOND, nominal_fps=15.0)
    assert (rated["fps"], rated["nominal_fps"]) == (10.0, 15.0)


def test_a_source_that_gives_nothing_has_no_rate_and_an_age():
    meter = SourceMeter()
    rated = meter.figures.quality(SECOND)
    assert (rated["fps"], rated["age_s"]) == (0.0, None)
    meter.capture(SECOND)
    rated = meter.figures.quality(21 * SECOND)
    assert (rated["fps"], rated["age_s"]) == (0.0, 20.0)


def test_stalls_and_reconnects_count_for_an_hour():
    meter = SourceMeter()
    for at_ns in (0, HOUR_NS - SECOND):
        for kind, cause in (("lost", "stalled"), ("lost", "refused"), ("restored", "refused")):
            meter.count(event(kind, cause, at_ns))
    rated = meter.figures.quality(HOUR_NS + SECOND)
    assert (rated["stalls_last_hour"], rated["reconnects_last_hour"]) == (1, 1)


def test_figures_that_another_thread_read_do_not_change_while_the_owner_goes_on(frame):
    sources, tracks = SourceMeter(), TrackMeter()
    sources.capture(SECOND)
    tracks.update(TrackResult(frame, (track(1), track(2, "lost"))), frame.captured_ns + SECOND)
    before = sources.figures, tracks.figures
    assert before[1].summary()["objects"] == [
        {"id": 1, "state": "tracked", "score": 0.5, "frames": 1},
        {"id": 2, "state": "lost", "score": 0.5, "frames": 0},
    ]
    sources.count(event("lost", "stalled", 2 * SECOND))
    sources.skip()
    tracks.update(TrackResult(frame, (track(1),)), frame.captured_ns + 2 * SECOND)
    assert (before[0].events, before[0].skipped, before[1].tracked, len(before[1].objects)) == ({}, 0, 1, 2)
    assert (dict(sources.figures.events), sources.figures.skipped) == ({"lost stalled": 1}, 1)
    assert [one.frames for one in tracks.figures.objects] == [2]
    assert tracks.figures.latencies_ms == (1000.0, 2000.0)
