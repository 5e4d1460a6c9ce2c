"""Checks of the frames of a live connection: late, frozen or discontinuous."""

from __future__ import annotations

import numpy as np

from streamer.errors import SourceError
from streamer.events.types import Cause
from streamer.types import Frame

SAMPLE = 8  # every 8th pixel of every 8th row is compared to detect a frozen stream
JUMP_S = 1.0  # by which the stream's timestamps may run ahead of the local clock between two frames
DRIFT = 1e-3  # of the two clocks, at most
PACE = 2.0  # factor between arrival and timestamp intervals up to which frames arrive in real time
PACE_WITHIN_S = 3.0  # after which any other pace is taken for the camera's own
QUEUED_S = 0.004  # frames that arrive closer together than this were buffered: no camera is that fast
PAUSE_S, RECENT_S = 0.5, 10.0  # a gap between frames that counts as a network pause, and how long it is remembered


class Checks:
    """The checks of one connection; each frame goes through them in order."""

    def __init__(self, *, stale_s: float | None, frozen_s: float | None) -> None:
        self._stale_s = stale_s
        self._before: Frame | None = None
        self._late = False
        self.paced = False  # whether frames have arrived in real time, so that lateness can be measured
        self._first_ns = 0
        self._paused_ns = 0  # when the last pause ended
        self._delay_s = 0.0  # smallest difference so far between arrival and timestamp
        self._frozen_s = frozen_s
        self._sample: np.ndarray | None = None
        self._same_since_ns = 0

    def stale(self, frame: Frame) -> bool:
        """Whether a frame arrives more than `stale_s` later than its timestamp says.

        The first frames of a connection count as late until they arrive in real time, because the server may have
        buffered them; buffered frames arrive all at once.
        """
        if self._stale_s is None:
            return False
        if frame.pts_s is None:  # a frame without a timestamp is as late as the one before
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
        """Whether frames are late although they arrive steadily: the camera's clock drifts."""
        before = self._before
        return self._late and before is not None and before.captured_ns - self._paused_ns > RECENT_S * 1e9

    def frozen(self, frame: Frame) -> None:
        """Raise SourceError where the image has not changed for longer than the limit."""
        sample = frame.image[::SAMPLE, ::SAMPLE]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._same_since_ns = sample.copy(), frame.captured_ns
        elif self._frozen_s is not None and frame.captured_ns - self._same_since_ns > self._frozen_s * 1e9:
            raise SourceError(f"the same image for {self._frozen_s:g} s", "frozen")

    @staticmethod
    def jump(before: Frame, frame: Frame) -> tuple[Cause, str] | None:
        """A discontinuity between two frames of one connection."""
        if (before.height, before.width) != (frame.height, frame.width):
            return (
                "resized",
                f"the frame size changed from {before.width} x {before.height} to {frame.width} x {frame.height}",
            )
        if before.pts_s is not None and frame.pts_s is not None:
            passed_s = frame.pts_s - before.pts_s
            ahead_s = passed_s - (frame.captured_ns - before.captured_ns) / 1e9
            if passed_s < 0 or ahead_s > JUMP_S:  # a late frame only spent more time on the network
                return "clock", f"the stream's timestamps jumped by {ahead_s:.1f} s"
        if frame.epoch != before.epoch:
            return "looped", "the recording started over"
        return None
