"""The time of a recording, which does not depend on how fast it is read."""

from __future__ import annotations

from streamer.types import Frame

FRAME_S = 0.04  # between frames that have no times of their own


class RecordingClock:
    """Counts a recording's own time on, also where a loop turns the frames' times back."""

    def __init__(self) -> None:
        self._time_ns = 0
        self._last: Frame | None = None

    def update(self, frame: Frame) -> int:
        """The frame's time in nanoseconds; call it with each frame, in order."""
        last, self._last = self._last, frame
        if last is None:
            self._time_ns = int((frame.pts_s or 0.0) * 1e9)
        else:
            self._time_ns += int(_passed_s(last, frame) * 1e9)
        return self._time_ns


def _passed_s(last: Frame, frame: Frame) -> float:
    if last.pts_s is not None and frame.pts_s is not None and frame.pts_s >= last.pts_s:
        return frame.pts_s - last.pts_s
    return (frame.index - last.index) * FRAME_S
