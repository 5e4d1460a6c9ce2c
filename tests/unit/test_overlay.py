"""What is made of a frame or a result once for all consumers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np

from streamer.types import Track, TrackResult
from streamer.video import jpeg, overlay
from streamer.video.jpeg import jpeg_of
from streamer.video.overlay import overlay_jpeg_of, overlay_of

CONSUMERS = 6


def result_of(frame):
    mask = np.zeros((frame.height, frame.width), np.bool_)
    mask[5:20, 5:30] = True
    return TrackResult(frame, (Track(1, mask, (5, 5, 30, 20), 0.9, 0.9, "tracked"),))


def counted(monkeypatch, module, name):
    """Calls of a function, which still does its work."""
    calls, original = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args: calls.append(args) or original(*args))
    return calls


def test_an_overlay_is_drawn_and_encoded_once_for_consumers_that_come_at_the_same_moment(frame, monkeypatch):
    drawn, encoded = counted(monkeypatch, overlay, "overlay"), counted(monkeypatch, overlay, "encode_jpeg")
    result, together = result_of(frame), Barrier(CONSUMERS)

    def consume(number):
        together.wait(5)
        return overlay_jpeg_of(result) if number % 2 else overlay_of(result)

    with ThreadPoolExecutor(CONSUMERS) as pool:
        got = list(pool.map(consume, range(CONSUMERS)))
    assert (len(drawn), len(encoded)) == (1, 1)
    assert got[0] is got[2] is got[4]
    assert got[1] is got[3] is got[5]


def test_an_overlay_that_is_shared_cannot_be_drawn_into(frame):
    result = result_of(frame)
    assert not overlay_of(result).flags.writeable
    assert not np.array_equal(overlay_of(result), frame.image)


def test_a_jpeg_is_encoded_once_for_each_width(frame, monkeypatch):
    encoded = counted(monkeypatch, jpeg, "encode_jpeg")
    assert jpeg_of(frame) is jpeg_of(frame, width=frame.width) is jpeg_of(frame)
    assert jpeg_of(frame, width=32) is jpeg_of(frame, width=32)
    assert len(encoded) == 2


def test_a_changed_copy_of_a_frame_keeps_nothing_of_the_first_one(frame):
    whole = jpeg_of(frame)
    assert jpeg_of(replace(frame, image=255 - frame.image)) != whole
