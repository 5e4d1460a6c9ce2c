"""What reaches a sink that is slower than the pipeline."""

import pytest

from streamer.channel import Closed
from streamer.events.types import SourceEvent
from streamer.pipeline import sink_queue
from streamer.pipeline.sink_writer import SINK_DEPTH, SinkWriter
from tests.fakes import ListSink, result


class EventList:
    """Takes events alone."""

    def __init__(self):
        self.events, self.closed = [], False

    def notify(self, event):
        self.events.append(event.epoch)

    def close(self):
        self.closed = True


class Everything(EventList):
    def __init__(self):
        super().__init__()
        self.order = []

    def notify(self, event):
        self.order.append(("event", event.epoch))

    def write(self, result):
        self.order.append(("result", result.frame.index))


def event(number):
    return SourceEvent("cam", "lost", "stalled", "no frame for 5 s", number, 0, 0)


def test_no_event_is_dropped_where_results_are():
    sink = Everything()
    writer = SinkWriter(sink, lossy=True)
    for number in range(100):
        writer.put_result(result(number))
        writer.put_event(event(number))
    writer.close()
    writer.run()
    assert [number for kind, number in sink.order if kind == "event"] == list(range(100))
    assert [number for kind, number in sink.order if kind == "result"] == list(range(100 - SINK_DEPTH, 100))
    assert sink.order[-2:] == [("result", 99), ("event", 99)]
    assert writer.dropped == 100 - SINK_DEPTH


def test_a_sink_gets_only_what_it_takes():
    events, results = EventList(), ListSink()
    for writer in (SinkWriter(events, lossy=False), SinkWriter(results, lossy=False)):
        for number in range(SINK_DEPTH):
            writer.put_result(result(number))
            writer.put_event(event(number))
        writer.close()
        writer.run()
    assert events.events == [each.frame.index for each in results.results] == list(range(SINK_DEPTH))
    assert events.closed
    assert results.closed


def test_a_sink_that_takes_no_results_never_holds_up_a_recording():
    writer = SinkWriter(EventList(), lossy=False)
    for number in range(10 * SINK_DEPTH):
        writer.put_result(result(number))
    assert writer.dropped == 0


def test_events_beyond_all_measure_are_counted(monkeypatch):
    monkeypatch.setattr(sink_queue, "MAX_EVENTS", 10)
    sink = EventList()
    writer = SinkWriter(sink, lossy=True)
    for number in range(25):
        writer.put_event(event(number))
    writer.close()
    writer.run()
    assert sink.events == list(range(15, 25))
    assert writer.lost == 15


def test_after_its_sink_has_failed_a_writer_takes_nothing_more():
    writer = SinkWriter(ListSink(fails_at=0), lossy=True)
    writer.put_result(result(0))
    with pytest.raises(RuntimeError, match="burned down"):
        writer.run()
    writer.put_event(event(0))
    with pytest.raises(Closed):
        writer.put_result(result(1))
