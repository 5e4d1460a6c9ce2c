"""A sink whose failures do not end the run: it is reopened with back-off, and results meanwhile are dropped."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from streamer.errors import SinkError
from streamer.events.types import Event
from streamer.ports import EventSink, NotesRun, Sink
from streamer.rate_limit import Backoff
from streamer.types import TrackResult

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
MAX_EVENTS = 10_000  # that wait while the sink cannot be opened


class RetriedSink:
    """Opens a sink for the first result, and again after each failure. Events in between wait for the next sink.

    `lost` counts results that came while there was no sink, and events beyond MAX_EVENTS.
    """

    def __init__(self, reopen: Callable[[], Sink], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reopen = reopen
        self._clock = clock
        self._sink: Sink | None = None
        self._backoff = Backoff(BACKOFF_S)
        self._next_s = 0.0  # when it may be opened again
        self._events: deque[Event] = deque()
        self.lost = 0
        self._run: Mapping[str, Any] | None = None

    def begin(self, run: Mapping[str, Any]) -> None:
        """What every sink that is opened writes down."""
        self._run = run

    def write(self, result: TrackResult) -> None:
        if self._sink is None and self._clock() < self._next_s:
            self.lost += 1
            return
        try:
            if self._sink is None:
                self._sink = self._opened()
            self._write_events(self._sink)
            self._sink.write(result)
        except SinkError as error:
            self.lost += 1
            self._fail(error)
        else:
            self._backoff.succeeded()

    def notify(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) > MAX_EVENTS:
            self._events.popleft()
            self.lost += 1
        if self._sink is not None:
            try:
                self._write_events(self._sink)
            except SinkError as error:
                self._fail(error)

    def close(self) -> None:
        if self._events:
            log.warning("%d events are lost: their sink could not be opened again", len(self._events))
            self.lost += len(self._events)
            self._events.clear()
        if self._sink is None:
            return
        try:
            self._sink.close()
        except SinkError as error:
            log.warning("%s", error)

    def _opened(self) -> Sink:
        sink = self._reopen()
        if self._run is not None and isinstance(sink, NotesRun):
            sink.begin(self._run)
        return sink

    def _write_events(self, sink: Sink) -> None:
        while self._events:
            if isinstance(sink, EventSink):
                sink.notify(self._events[0])
            self._events.popleft()

    def _fail(self, error: SinkError) -> None:
        wait_s = self._backoff.failed()
        self._next_s = self._clock() + wait_s
        failed, self._sink = self._sink, None
        if failed is not None:
            with contextlib.suppress(SinkError):
                failed.close()
        log.warning("%s; retrying in %.0f s", error, wait_s)
