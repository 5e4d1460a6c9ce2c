"""What a run can say about itself."""

from streamer.events.types import SourceEvent
from streamer.pipeline.meter import HOUR_NS, Quality

SECOND = 1_000_000_000


def event(kind: str, cause: str, at_ns: int) -> SourceEvent:
    return SourceEvent("cam", kind, cause, "", 0, at_ns, 0)  # type: ignore[arg-type]


def test_a_source_is_rated_by_the_last_seconds_beside_what_it_promises():
    quality = Quality(nominal_fps=15.0)
    quality.captured_ns.extend(range(0, 10 * SECOND, SECOND // 10))
    assert quality.summary(10 * SECOND)["fps"] == 10.0
    assert quality.summary(10 * SECOND)["nominal_fps"] == 15.0


def test_a_source_that_gives_nothing_has_no_rate_and_an_age():
    quality = Quality()
    assert (quality.summary(SECOND)["fps"], quality.summary(SECOND)["age_s"]) == (0.0, None)
    quality.captured_ns.append(SECOND)
    rated = quality.summary(21 * SECOND)
    assert (rated["fps"], rated["age_s"]) == (0.0, 20.0)


def test_stalls_and_reconnects_count_for_an_hour():
    quality = Quality()
    for at_ns in (0, HOUR_NS - SECOND):
        for kind, cause in (("lost", "stalled"), ("lost", "refused"), ("restored", "refused")):
            quality.count(event(kind, cause, at_ns))
    rated = quality.summary(HOUR_NS + SECOND)
    assert (rated["stalls_last_hour"], rated["reconnects_last_hour"]) == (1, 1)
