"""The one place where threads meet: a bounded queue that either side can close."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - a condition, not a fault
    """The channel was closed: nothing more can be put, or nothing more will come."""


class Channel(Generic[T]):
    """A queue of at most `depth` items. A lossy one drops its oldest item for a new one and counts it; another waits.

    What was put before `close` can still be got; `abort` throws it away.
    """

    def __init__(self, depth: int, *, lossy: bool = False) -> None:
        if depth < 1:
            raise ValueError(f"a channel holds at least one item, not {depth}")
        self.depth = depth
        self.lossy = lossy
        self._items: deque[T] = deque()
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def dropped(self) -> int:
        """Items that were put and never got, because newer ones came."""
        with self._changed:
            return self._dropped

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    def put(self, item: T) -> None:
        """Add an item, waiting for room unless lossy; raises Closed."""
        with self._changed:
            if not self.lossy:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.depth)
            if self._closed:
                raise Closed
            if len(self._items) == self.depth:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def offer(self, item: T) -> bool:
        """Add an item if there is room, without waiting; raises Closed."""
        with self._changed:
            if self._closed:
                raise Closed
            if len(self._items) == self.depth:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout_s: float | None = None) -> T:
        """The oldest item, waiting for one; raises Closed when none will come, TimeoutError after `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or bool(self._items), timeout_s):
                raise TimeoutError
            if not self._items:
                raise Closed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def newer(self, item: T) -> T:
        """The newest item that has come since `item` was got, or `item`; those passed over count as dropped."""
        with self._changed:
            if not self.lossy or not self._items:
                return item
            self._dropped += len(self._items)
            item = self._items.pop()
            self._items.clear()
            return item

    def drain(self) -> list[T]:
        """Everything that is there now, without waiting."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._changed.notify_all()
            return items

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Close, and discard the items that are still queued."""
        with self._changed:
            self._items.clear()
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                yield self.get()
            except Closed:
                return
