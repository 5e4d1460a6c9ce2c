"""A sink whose failures do not end the run: it is reopened with back-off, and results meanwhile are dropped."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from streamer.errors import SinkError
from streamer.events.types import Event
from streamer.ports import EventSink, Sink
from streamer.rate_limit import Backoff
from streamer.types import TrackResult

log = logging.getLogger(__name__)

BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)


class RetriedSink:
    """Opens a sink for the first result, and again after each failure; `dropped` counts the results in between."""

    def __init__(self, reopen: Callable[[], Sink], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reopen = reopen
        self._clock = clock
        self._sink: Sink | None = None
        self._backoff = Backoff(BACKOFF_S)
        self._next_s = 0.0  # when it may be opened again
        self.dropped = 0

    def write(self, result: TrackResult) -> None:
        if self._sink is None and self._clock() < self._next_s:
            self.dropped += 1
            return
        try:
            if self._sink is None:
                self._sink = self._reopen()
            self._sink.write(result)
        except SinkError as error:
            self._fail(error)
        else:
            self._backoff.succeeded()

    def notify(self, event: Event) -> None:
        if isinstance(self._sink, EventSink):
            try:
                self._sink.notify(event)
            except SinkError as error:
                self._fail(error)

    def close(self) -> None:
        if self._sink is None:
            return
        try:
            self._sink.close()
        except SinkError as error:
            log.warning("%s", error)

    def _fail(self, error: SinkError) -> None:
        wait_s = self._backoff.failed()
        self._next_s = self._clock() + wait_s
        self.dropped += 1
        failed, self._sink = self._sink, None
        if failed is not None:
            with contextlib.suppress(SinkError):
                failed.close()
        log.warning("%s; trying again in %.0f s", error, wait_s)
