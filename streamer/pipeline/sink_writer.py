"""The writer stage: one sink, its queue, and the loop that feeds it."""

from __future__ import annotations

from streamer.events.types import Event
from streamer.pipeline.sink_queue import ModelResult, SinkQueue
from streamer.ports import AnySink, CountsLost, EventSink, ModelSink, OnDemandFinder, Sink
from streamer.types import TrackResult

SINK_DEPTH = 8  # results that wait for a slow sink


class SinkWriter:
    """Puts come from the tracking and capture threads; `run` is the sink's own thread, the only one that calls it."""

    def __init__(self, sink: AnySink, *, lossy: bool) -> None:
        self.sink = sink
        self.is_finder = isinstance(sink, OnDemandFinder)
        self._queue = SinkQueue(SINK_DEPTH, lossy=lossy)
        self._takes_results = isinstance(sink, Sink)
        self._takes_model_results = isinstance(sink, ModelSink)
        self._takes_events = isinstance(sink, EventSink)

    @property
    def dropped(self) -> int:
        """Results that the sink was too slow for."""
        return self._queue.dropped

    @property
    def lost(self) -> int:
        """Events beyond the queue's bound, and what the sink could not write."""
        return self._queue.dropped_events + (self.sink.lost if isinstance(self.sink, CountsLost) else 0)

    def put_result(self, result: TrackResult) -> None:
        """Raises Closed once the sink has failed or the run has ended."""
        if self._takes_results:
            self._queue.put_result(result)

    def put_model_result(self, result: TrackResult) -> None:
        """Raises Closed once the sink has failed or the run has ended."""
        if self._takes_model_results:
            self._queue.put_result(ModelResult(result))

    def put_event(self, event: Event) -> None:
        if self._takes_events:
            self._queue.put_event(event)

    def close(self) -> None:
        """Nothing more will come; what was put is still written."""
        self._queue.close()

    def run(self) -> None:
        """Feed the sink until the queue is closed and empty, then close it."""
        try:
            for item in self._queue:
                self._write(item)
        finally:
            self._queue.abort()
            self.sink.close()

    def _write(self, item: TrackResult | ModelResult | Event) -> None:
        """Only sinks that take an item of this kind get one."""
        sink = self.sink
        match item:
            case TrackResult():
                sink.write(item)  # type: ignore[union-attr]
            case ModelResult(result):
                sink.write_model(result)  # type: ignore[union-attr]
            case _:
                sink.notify(item)  # type: ignore[union-attr]
