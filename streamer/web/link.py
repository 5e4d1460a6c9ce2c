"""What a reader's link can carry: frames become narrower while they arrive late, and wider again when they do not."""

from __future__ import annotations

WIDTHS = (320, 640, 960, 1280, 1920)  # that frames are scaled down to; few, so that readers share them
MAX_IN_FLIGHT = 2  # results on their way to a reader that it has not acknowledged
SLOW_S, FAST_S = 0.7, 0.25  # from sending a result to its acknowledgement
WIDEN_AFTER_S = 10.0  # of fast acknowledgements


class Link:
    """The width and the number of results in flight for one reader; time is an argument in seconds.

    A slow link queues what it is given, so the frames on it are as old as the queue is long: one at a time is enough.
    """

    def __init__(self, widest: int | None) -> None:
        self.width = widest  # None: as wide as the source
        self.in_flight = MAX_IN_FLIGHT
        self._widest = widest
        self._changed_s = 0.0
        self._fast_since_s: float | None = None

    def acknowledged(self, sent_s: float, now_s: float) -> bool:
        """A result that was sent at `sent_s` has arrived; returns whether the width has changed."""
        took_s = now_s - sent_s
        if took_s > FAST_S:
            self._fast_since_s = None
        if took_s > SLOW_S and sent_s >= self._changed_s:  # not one that was sent before the last change
            self.in_flight = 1
            return self._set(_narrower(self.width), now_s)
        if took_s <= FAST_S:
            self._fast_since_s = now_s if self._fast_since_s is None else self._fast_since_s
            if now_s - self._fast_since_s > WIDEN_AFTER_S:
                return self._widen(now_s)
        return False

    def _widen(self, now_s: float) -> bool:
        self._fast_since_s = None
        if self.width == self._widest:
            self.in_flight = MAX_IN_FLIGHT
            return False
        return self._set(_wider(self.width, self._widest), now_s)

    def _set(self, width: int | None, now_s: float) -> bool:
        before, self.width, self._changed_s = self.width, width, now_s
        return width != before


def _narrower(width: int | None) -> int:
    return max((each for each in WIDTHS if width is None or each < width), default=WIDTHS[0])


def _wider(width: int | None, widest: int | None) -> int | None:
    wider = next((each for each in WIDTHS if width is not None and each > width), None)
    return widest if wider is None or (widest is not None and wider > widest) else wider
