"""The queue in front of a sink: results may be dropped, events never are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from streamer.channel import Closed
from streamer.events.types import Event
from streamer.types import TrackResult

MAX_EVENTS = 100_000  # a sink that is blocked for days: beyond this the oldest events go, and are counted


@dataclass(frozen=True, slots=True, eq=False)
class ModelResult:
    """A result that is the model's own, for sinks that take these beside the others."""

    result: TrackResult


AnyResult = TrackResult | ModelResult


class SinkQueue:
    """Results and events in the order in which they came.

    At most `depth` results wait: a lossy queue drops its oldest result for a new one and counts it, another makes the
    producer wait. Events never wait for room and are not dropped with results. What was put before `close` can still be
    read; `abort` throws it away.
    """

    def __init__(self, depth: int, *, lossy: bool) -> None:
        self._depth = depth
        self._lossy = lossy
        self._items: deque[AnyResult | Event] = deque()
        self._results = 0
        self._dropped = self._dropped_events = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def dropped(self) -> int:
        """Results that the sink was too slow for."""
        with self._changed:
            return self._dropped

    @property
    def dropped_events(self) -> int:
        """Events beyond MAX_EVENTS."""
        with self._changed:
            return self._dropped_events

    def put_result(self, result: AnyResult) -> None:
        """Add a result, waiting for room unless lossy; raises Closed."""
        with self._changed:
            if not self._lossy:
                self._changed.wait_for(lambda: self._closed or self._results < self._depth)
            if self._closed:
                raise Closed
            if self._results == self._depth:
                self._remove_oldest(AnyResult)
                self._dropped += 1
            self._items.append(result)
            self._results += 1
            self._changed.notify_all()

    def put_event(self, event: Event) -> None:
        """Add an event at once; after `close` it is not added."""
        with self._changed:
            if self._closed:
                return
            if len(self._items) - self._results == MAX_EVENTS:
                self._remove_oldest(Event)
                self._dropped_events += 1
            self._items.append(event)
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Close, and throw away what nobody has read yet."""
        with self._changed:
            self._items.clear()
            self._results = 0
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[AnyResult | Event]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._items))
                if not self._items:
                    return
                item = self._items.popleft()
                self._results -= isinstance(item, AnyResult)
                self._changed.notify_all()
            yield item

    def _remove_oldest(self, kind: object) -> None:
        """Remove the oldest item of a kind; there is one."""
        at = next(n for n, item in enumerate(self._items) if isinstance(item, kind))  # type: ignore[arg-type]
        self._results -= isinstance(self._items[at], AnyResult)
        del self._items[at]
