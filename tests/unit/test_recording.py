"""Recordings by the numbers of their frames."""

import av
import cv2
import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.offline.recording import open_recording

COUNT, STEP = 40, 6  # each frame is brighter than the one before


@pytest.fixture(params=["mp4", "mkv", "folder"])
def path(request, tmp_path):
    frames = [np.full((48, 64, 3), STEP * index, np.uint8) for index in range(COUNT)]
    if request.param == "folder":
        for index, image in enumerate(frames):
            cv2.imwrite(str(tmp_path / f"{index:03}.png"), image)
        return tmp_path
    return film(tmp_path / f"a.{request.param}", frames)


def film(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"g": "12", "bf": "2"}
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def seen(recording, first, last):
    return [(frame.index, round(float(frame.image.mean()) / STEP)) for frame in recording.frames(first, last)]


@pytest.mark.parametrize(("first", "last"), [(0, COUNT - 1), (17, 30), (30, 17), (COUNT - 1, 0), (5, 5)])
def test_frames_come_by_their_numbers_both_ways(path, first, last):
    recording = open_recording(path)
    step = 1 if last >= first else -1
    assert (recording.count, recording.width, recording.height) == (COUNT, 64, 48)
    assert seen(recording, first, last) == [(index, index) for index in range(first, last + step, step)]
    assert recording.broken is None


def test_a_frame_is_the_same_each_time_it_is_read(path):
    recording = open_recording(path)
    one, other = (next(recording.frames(7, 7)) for _ in range(2))
    assert (one.captured_ns, one.wall_ns, one.pts_s) == (other.captured_ns, other.wall_ns, other.pts_s)


def test_a_recording_that_breaks_off_yields_what_comes_before_and_says_so(tmp_path):
    whole = film(tmp_path / "whole.mkv", [np.full((48, 64, 3), STEP * index, np.uint8) for index in range(COUNT)])
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) * 2 // 3])
    recording = open_recording(cut)
    found = seen(recording, 0, recording.count - 1)
    assert 5 < len(found) < COUNT
    for index in range(8):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "5.png").write_bytes(b"nothing")
    stills = open_recording(tmp_path)
    assert [frame.index for frame in stills.frames(0, 7)] == [0, 1, 2, 3, 4]
    assert "5.png: cannot be read" in stills.broken


def test_what_is_no_recording_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(SourceError, match=r"a\.mp4: not a video"):
        open_recording(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match=r"b\.mp4: no such file"):
        open_recording(tmp_path / "b.mp4")
