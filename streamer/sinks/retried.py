"""A sink whose failures end nothing: it is opened again after a while, and what comes meanwhile is left out."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from streamer.errors import SinkError
from streamer.events.types import Event
from streamer.ports import EventSink, Sink
from streamer.types import TrackResult

log = logging.getLogger(__name__)

WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0)


class RetriedSink:
    """Opens a sink when the first result is there, and again after each failure; counts the results it left out."""

    def __init__(self, reopen: Callable[[], Sink], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._reopen = reopen
        self._clock = clock
        self._sink: Sink | None = None
        self._attempt = 0
        self._next = 0.0
        self.left_out = 0

    def write(self, result: TrackResult) -> None:
        if self._sink is None and self._clock() < self._next:
            self.left_out += 1
            return
        try:
            if self._sink is None:
                self._sink = self._reopen()
            self._sink.write(result)
        except SinkError as error:
            self._fail(error)
        else:
            self._attempt = 0

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
        wait_s = WAITS_S[min(self._attempt, len(WAITS_S) - 1)]
        self._attempt += 1
        self._next = self._clock() + wait_s
        self.left_out += 1
        failed, self._sink = self._sink, None
        if failed is not None:
            with contextlib.suppress(SinkError):
                failed.close()
        log.warning("%s; trying again in %.0f s", error, wait_s)
