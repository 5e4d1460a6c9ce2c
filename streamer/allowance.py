"""How much of something is allowed; the time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

KNOWN_AT_MOST = 4096


class Allowance:
    """So much a second on average, so much at once; who is over it waits. Time is in seconds."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at_s = burst, 0.0

    def take(self, now_s: float) -> bool:
        """One more, if there is one left."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Allowances:
    """One for each of those who ask; the one that was not heard of for longest is forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._known: OrderedDict[Hashable, Allowance] = OrderedDict()

    def take(self, who: Hashable, now_s: float) -> bool:
        """One more of `who`, if there is one left."""
        allowance = self._known.setdefault(who, Allowance(self._rate, self._burst))
        self._known.move_to_end(who)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        return allowance.take(now_s)


class Rate:
    """At most so much a second, evenly, on average; what comes between is too much."""

    def __init__(self, rate: float) -> None:
        self._period_s = 1 / rate
        self._due_s = 0.0

    def take(self, now_s: float) -> bool:
        """Whether this one is due."""
        if now_s < self._due_s:
            return False
        self._due_s = max(self._due_s + self._period_s, now_s + self._period_s / 2)  # late ones catch up
        return True
