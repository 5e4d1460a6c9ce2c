"""Overlay videos: length, colours, shape."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.types import Frame, TrackResult
from streamer.video.h264 import H264Encoder
from streamer.video.recording import VideoFileSink, fit

RED = (255, 0, 0)


def result(index: int, size: tuple[int, int] = (64, 48), colour: tuple[int, int, int] = RED) -> TrackResult:
    image = np.full((size[1], size[0], 3), colour, np.uint8)
    return TrackResult(Frame.from_image(image, index=index, pts_s=index / 25), ())


def written(path: Path, sizes: list[tuple[int, int]]) -> Path:
    sink = VideoFileSink(path)
    for index, size in enumerate(sizes):
        sink.write(result(index, size))
    sink.close()
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "10:30:00.mp4"])
def test_a_recording_that_was_closed_has_its_length_and_can_be_sought_in(name, tmp_path):
    path = written(tmp_path / name, [(64, 48)] * 60)
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        assert container.duration == pytest.approx(2.4e6, abs=5e4)
        assert stream.frames in (60, 0)  # Matroska counts none
        container.seek(1_500_000)
        assert 1.0 <= float(next(container.decode(video=0)).time) <= 1.5
    if path.suffix != ".mkv":
        assert {"mdat", "moov"} <= set(boxes(path.read_bytes())) <= {"ftyp", "free", "wide", "mdat", "moov"}


def boxes(data: bytes) -> list[str]:
    """The boxes of an MP4 file at its top level."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append(kind.decode())
        at += size
    return found


def test_what_was_written_plays_before_the_file_is_closed(tmp_path):
    sink = VideoFileSink(tmp_path / "a.mp4")
    for index in range(90):
        sink.write(result(index))
    (tmp_path / "killed.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    sink.close()
    with av.open(str(tmp_path / "killed.mp4")) as container:
        assert len(list(container.decode(video=0))) >= 30


@pytest.mark.parametrize("size", [(1280, 720), (640, 360)])
def test_pure_red_stays_red_and_the_colours_are_named(size, tmp_path):
    path = written(tmp_path / "a.mp4", [size] * 2)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        planes = [int(np.frombuffer(bytes(plane), np.uint8)[5000]) for plane in frame.planes]
    assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    assert np.abs(np.array(planes) - (63, 102, 240)).max() <= 2  # BT.709, by its formula


def test_the_pages_video_names_its_colours():
    packet, is_key = H264Encoder().encode(np.full((720, 1280, 3), RED, np.uint8))
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for each in (av.Packet(packet), None) for frame in decoder.decode(each)]
    assert is_key
    assert np.abs(frames[0].to_ndarray(format="rgb24")[9, 9].astype(int) - RED).max() <= 4
    assert frames[0].colorspace == 6  # SMPTE 170M, as BT.601


def test_odd_sides_are_padded_and_that_is_said(tmp_path, caplog):
    path = written(tmp_path / "a.mp4", [(641, 359)])
    assert "641 x 359 is padded to 642 x 360" in caplog.text
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (642, 360)
    assert frame.to_ndarray(format="rgb24")[-1, -1, 0] > 240


def test_a_frame_of_another_shape_is_not_squeezed(tmp_path):
    path = written(tmp_path / "a.mp4", [(64, 48), (48, 96)])
    with av.open(str(path)) as container:
        upright = list(container.decode(video=0))[1].to_ndarray(format="rgb24")
    red = upright[24, :, 0] > 128
    assert upright.shape == (48, 64, 3)
    assert red.sum() == pytest.approx(24, abs=4)
    assert red[30:34].all()


def test_fitting_keeps_an_image_of_the_size():
    image = result(0).frame.image
    assert fit(image, 64, 48) is image
    assert fit(image, 32, 24).shape == (24, 32, 3)
    assert fit(image, 100, 48).shape == (48, 100, 3)
