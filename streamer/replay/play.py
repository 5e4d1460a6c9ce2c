"""Results of a recorded run, at any speed, into sinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from streamer.events.types import Event
from streamer.ports import AnySink, EventSink, Sink
from streamer.types import TrackResult


@dataclass(frozen=True, slots=True)
class Section:
    """Seconds from the first frame on; None is to the end. `speed` 1 is the run's own pace, 0 as fast as it goes."""

    start_s: float = 0.0
    end_s: float | None = None
    speed: float = 1.0


def section_of(items: Iterator[TrackResult | Event], section: Section) -> Iterator[tuple[float, TrackResult | Event]]:
    """What lies in the section, each with its seconds from the first frame of the run on."""
    zero_ns: int | None = None
    at_s = 0.0
    for item in items:
        if isinstance(item, TrackResult):
            zero_ns = item.time_ns if zero_ns is None else zero_ns
            at_s = (item.time_ns - zero_ns) / 1e9
        if section.end_s is not None and at_s > section.end_s:
            return
        if at_s >= section.start_s:
            yield at_s, item


def play(
    items: Iterator[TrackResult | Event],
    sinks: Sequence[AnySink],
    section: Section,
    *,
    stopped: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Write results and events to the sinks as they came then, stamped now; returns how many results that were."""
    began_s, count = time.monotonic(), 0
    for at_s, item in section_of(items, section):
        if stopped():
            break
        if section.speed:
            sleep(max(0.0, began_s + (at_s - section.start_s) / section.speed - time.monotonic()))
        if isinstance(item, TrackResult):
            count += 1
            _write(_stamped_now(item), sinks)
        else:
            _notify(item, sinks)
    return count


def _write(result: TrackResult, sinks: Sequence[AnySink]) -> None:
    for sink in sinks:
        if isinstance(sink, Sink):
            sink.write(result)


def _notify(event: Event, sinks: Sequence[AnySink]) -> None:
    for sink in sinks:
        if isinstance(sink, EventSink):
            sink.notify(event)


def _stamped_now(result: TrackResult) -> TrackResult:
    """As if the frame were captured now, so that no reader refuses it as stale."""
    now_ns = time.monotonic_ns()
    frame = replace(result.frame, captured_ns=now_ns, wall_ns=time.time_ns())
    return replace(result, frame=frame, tracked_ns=now_ns)
