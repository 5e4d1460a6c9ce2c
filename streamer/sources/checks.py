"""What is wrong with pictures that do arrive: late, frozen, discontinuous."""

from __future__ import annotations

import numpy as np

from streamer.errors import SourceError
from streamer.events.types import Cause
from streamer.types import Frame

SAMPLE = 8  # every so many-th pixel of every so many-th row is compared to know a frozen picture
JUMP_S = 1.0  # by which the stream's own clock may run ahead of ours between two frames
DRIFT = 1e-3  # of the two clocks, at most
PACE = 2.0  # by which pictures may come quicker or slower than they were taken, for their pace to be that of now
PACE_WITHIN_S = 3.0  # after which another pace is the camera's own
QUEUED_S = 0.004  # pictures that come closer together than any camera takes them were waiting somewhere
PAUSE_S, RECENT_S = 0.5, 10.0  # between two pictures on a network that holds some up; how long ago that may be


class Checks:
    """What is wrong with pictures that do arrive on one connection."""

    def __init__(self, *, stale_s: float | None, frozen_s: float | None) -> None:
        self._stale_s = stale_s
        self._before: Frame | None = None
        self._late = False
        self.paced = False  # whether it is known how late the pictures are
        self._first_ns = 0
        self._paused_ns = 0  # when the last pause ended
        self._delay_s = 0.0  # between a picture's own time and ours: the least that was seen
        self._frozen_s = frozen_s
        self._sample: np.ndarray | None = None
        self._same_since_ns = 0

    def stale(self, frame: Frame) -> bool:
        """Whether a picture arrives so much later than its own time says that it no longer shows what is there.

        How late the first one is cannot be told: a server may have kept it, and what followed, until it was asked or
        until its network was back. Such pictures come all at once, so those count that come at the pace at which they
        were taken.
        """
        if self._stale_s is None:
            return False
        if frame.pts_s is None:  # now and then; it is as late as the one before
            return self._late
        before, self._before = self._before, frame
        delay_s = frame.captured_ns / 1e9 - frame.pts_s
        if not self.paced:
            self._first_ns = self._first_ns or frame.captured_ns
            self.paced = self._comes_as_taken(before, frame)
            self._delay_s, self._late = delay_s, not self.paced
            return self._late
        assert before is not None
        if self.jump(before, frame) is not None:
            self._delay_s = delay_s
        else:
            passed_s = (frame.captured_ns - before.captured_ns) / 1e9
            if passed_s > PAUSE_S:
                self._paused_ns = frame.captured_ns
            self._delay_s = min(self._delay_s + DRIFT * passed_s, delay_s)
        self._late = delay_s - self._delay_s > self._stale_s
        return self._late

    def _comes_as_taken(self, before: Frame | None, frame: Frame) -> bool:
        if before is None or before.pts_s is None or frame.pts_s is None:
            return False
        if (frame.captured_ns - self._first_ns) / 1e9 > PACE_WITHIN_S:
            return True
        arrived_s, taken_s = (frame.captured_ns - before.captured_ns) / 1e9, frame.pts_s - before.pts_s
        return arrived_s > QUEUED_S and taken_s / PACE <= arrived_s <= taken_s * PACE

    @property
    def drifts(self) -> bool:
        """Pictures come late although they come steadily: their clock, not the network, is behind."""
        before = self._before
        return self._late and before is not None and before.captured_ns - self._paused_ns > RECENT_S * 1e9

    def frozen(self, frame: Frame) -> None:
        """Raise SourceError where the picture has been the same for too long."""
        sample = frame.image[::SAMPLE, ::SAMPLE]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._same_since_ns = sample.copy(), frame.captured_ns
        elif self._frozen_s is not None and frame.captured_ns - self._same_since_ns > self._frozen_s * 1e9:
            raise SourceError(f"the same picture for {self._frozen_s:g} s", "frozen")

    @staticmethod
    def jump(before: Frame, frame: Frame) -> tuple[Cause, str] | None:
        """A discontinuity between two frames of one connection."""
        if (before.height, before.width) != (frame.height, frame.width):
            return "resized", f"the picture is {frame.width} x {frame.height} now, not {before.width} x {before.height}"
        if before.pts_s is not None and frame.pts_s is not None:
            passed_s = frame.pts_s - before.pts_s
            ahead_s = passed_s - (frame.captured_ns - before.captured_ns) / 1e9
            if passed_s < 0 or ahead_s > JUMP_S:  # a picture that is late was under way for longer
                return "clock", f"the stream's clock jumped by {ahead_s:.1f} s"
        if frame.epoch != before.epoch:
            return "looped", "the recording began again"
        return None
