"""Rate limits and back-off; the time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from random import random

MAX_CLIENTS = 4096  # that a set of buckets remembers
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class TokenBucket:
    """A token bucket: `rate` tokens a second on average, `burst` at once. Time is in seconds."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at_s = burst, 0.0

    def take(self, now_s: float) -> bool:
        """Take a token; returns whether there was one."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class TokenBuckets:
    """A token bucket for each client; the least recently seen client is forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._known: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def take(self, client: Hashable, now_s: float) -> bool:
        """Take a token of `client`; returns whether there was one."""
        bucket = self._known.setdefault(client, TokenBucket(self._rate, self._burst))
        self._known.move_to_end(client)
        if len(self._known) > MAX_CLIENTS:
            self._known.popitem(last=False)
        return bucket.take(now_s)


class FrameThrottle:
    """Lets at most `rate` frames a second through, evenly spaced; frames between are skipped."""

    def __init__(self, rate: float) -> None:
        self._period_s = 1 / rate
        self._due_s = 0.0

    def take(self, now_s: float) -> bool:
        """Whether the frame at `now_s` is due."""
        if now_s < self._due_s:
            return False
        self._due_s = max(self._due_s + self._period_s, now_s + self._period_s / 2)  # a late frame catches up
        return True


class Backoff:
    """Waits between attempts: each step in turn, the last one from then on; a long success starts over.

    Time is an argument in seconds. `jitter` is the share of a wait, 0 to 1, that is randomly left out, so that clients
    of one server do not return in step.
    """

    def __init__(
        self,
        steps_s: Sequence[float] = BACKOFF_S,
        *,
        jitter: float = 0.0,
        stable_s: float = 60.0,
        random: Callable[[], float] = random,
    ) -> None:
        self._steps_s = tuple(steps_s)
        self._jitter = jitter
        self._stable_s = stable_s
        self._random = random
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def failed(self, worked_s: float = 0.0) -> float:
        """Seconds to wait before the next attempt; what failed now had worked for `worked_s` seconds."""
        if worked_s > self._stable_s:
            self._failures = 0
        wait_s = self._steps_s[min(self._failures, len(self._steps_s) - 1)]
        self._failures += 1
        return wait_s * (1 - self._jitter * self._random())

    def succeeded(self) -> None:
        """The next failure waits for the first step again."""
        self._failures = 0
