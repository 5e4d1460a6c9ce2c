"""The time of a recording."""

from dataclasses import replace

import pytest

from streamer.pipeline.recording_clock import RecordingClock
from tests.fakes import picture


def times_s(*pts: float | None) -> list[float]:
    clock = RecordingClock()
    return [clock.update(replace(picture(index), pts_s=pts_s)) / 1e9 for index, pts_s in enumerate(pts)]


def test_frames_are_at_their_own_times():
    assert times_s(2.0, 2.5, 4.0) == [2.0, 2.5, 4.0]


def test_a_loop_does_not_turn_the_time_back():
    assert times_s(0.0, 1.0, 0.0, 1.0) == pytest.approx([0.0, 1.0, 1.04, 2.04])


def test_frames_without_times_are_25_a_second():
    assert times_s(None, None, 0.5, 1.0) == pytest.approx([0.0, 0.04, 0.08, 0.58])
