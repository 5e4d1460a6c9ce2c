"""Every reader of a recording gives the decoder's frames: all of them, in order, as they are displayed."""

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from streamer.offline.recording import open_recording
from streamer.sources import open_source
from streamer.video.decoding import FrameTimes, Turn, deinterlaced, is_combed
from tests.films import COUNT, HEIGHT, WIDTH, corner_of, film, image, number_of, numbers, played
from tests.media import damaged

CONTAINERS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "mov": {},
    "mkv": {},
    "ts": {},
    "flv": {},
    "avi": {},
    "h264": {"format": "h264"},
    "mpg": {"codec": "mpeg2video"},
    "avi of MPEG-4": {"codec": "mpeg4"},
    "hevc": {"codec": "libx265", "format": "hevc"},
    "webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "10"}},
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_frame_is_reached_in_display_order_whichever_container(kind, tmp_path):
    path = film(tmp_path / f"a.{kind.partition(' ')[0]}", **CONTAINERS[kind])
    recording, last = open_recording(path), COUNT - 1
    forwards = numbers(recording.frames(0, last))
    assert [index for index, _ in forwards] == list(range(COUNT))
    assert all(abs(seen - index) <= 1 for index, seen in forwards)
    assert numbers(recording.frames(last, 0)) == forwards[::-1]
    assert [each for k in (0, 9, 10, 13, last) for each in numbers(recording.frames(k, k))] == [
        forwards[k] for k in (0, 9, 10, 13, last)
    ]
    run = played(path)[1]
    assert numbers(run) == forwards
    assert [frame.pts_s for frame in run] == [frame.pts_s for frame in recording.frames(0, last)]
    assert np.allclose(np.diff([frame.pts_s for frame in run]), 0.04, atol=0.002)
    assert recording.broken is None


EIGHT = [(degrees, mirrored) for degrees in (0, 90, 180, 270) for mirrored in (False, True)]


@pytest.mark.parametrize(("degrees", "mirrored"), EIGHT)
def test_an_upright_phone_video_is_measured_upright_in_all_eight_orientations(degrees, mirrored, tmp_path):
    path = film(tmp_path / "phone.mp4", 3, prepare=lambda stream: stream.set_display_rotation(-degrees, hflip=mirrored))
    recording = open_recording(path)
    size = (HEIGHT, WIDTH) if degrees in (90, 270) else (WIDTH, HEIGHT)
    expected = turned_by_the_matrix(path)
    assert (recording.width, recording.height) == recording.size_of(1) == size
    for frame in (*recording.frames(0, 2), *played(path)[1]):
        assert (frame.width, frame.height) == size
        assert corner_of(frame.image) == expected


def turned_by_the_matrix(path: Path) -> str:
    """The corner to which the display matrix moves the stored frame's first, worked out by hand."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    (data,) = [bytes(each) for each in cast(Any, frame.side_data) if each.type.name == "DISPLAYMATRIX"] or [
        np.array([1, 0, 0, 0, 1, 0, 0, 0, 1], np.int32).tobytes()
    ]
    a, b, _, c, d, *_ = np.sign(np.frombuffer(data, np.int32)).tolist()
    x, y = a * -WIDTH + c * -HEIGHT, b * -WIDTH + d * -HEIGHT  # of the corner, seen from the middle
    return f"{'top' if y < 0 else 'bottom'} {'left' if x < 0 else 'right'}"


def test_a_turn_is_the_same_as_rotating():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(Turn(True, True, False).apply(picture), np.rot90(picture, -1))
    np.testing.assert_array_equal(Turn(False, True, True).apply(picture), np.rot90(picture, 2))
    np.testing.assert_array_equal(Turn(True, False, True).apply(picture), np.rot90(picture, 1))


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(4, 3), 85), (Fraction(1, 2), 32), (Fraction(16, 15), 68)])
def test_frames_with_pixels_that_are_not_square_keep_their_shape(aspect, width, tmp_path):
    def prepare(stream):
        stream.codec_context.sample_aspect_ratio = aspect

    path = film(tmp_path / "a.mkv", 3, prepare=prepare)
    assert {(f.width, f.height) for f in played(path)[1]} == {(width, HEIGHT)}
    assert open_recording(path).size_of(0) == (width, HEIGHT)


def test_a_red_frame_is_red_whether_its_colours_are_named_or_not(tmp_path):
    red = np.zeros((720, 1280, 3), np.uint8)
    red[..., 0] = 255

    def tagged(stream):
        stream.codec_context.colorspace = 1

    for name, prepare in (("named", tagged), ("unnamed", lambda stream: None)):
        path = tmp_path / f"{name}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
            prepare(stream)
            frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p", dst_colorspace=1)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        (shown,) = played(path)[1]
        assert np.abs(shown.image[100, 100].astype(int) - (255, 0, 0)).max() <= 3


def test_interlaced_video_loses_its_combing(tmp_path):
    def woven(number):
        drawn = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        drawn[::2, 4 * number : 4 * number + 12] = 220  # the bar moves between the fields
        drawn[1::2, 4 * number + 6 : 4 * number + 18] = 220
        return drawn

    def interlaced(stream):
        stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me

    options = {"x264-params": "tff=1", "crf": "1"}
    path = film(tmp_path / "a.mkv", 5, draw=woven, options=options, prepare=interlaced, pixels="yuv444p")
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    frames = [frame.image for frame in played(path)[1]]
    assert len(frames) == 5
    assert is_combed(woven(2))
    assert not any(map(is_combed, frames))


def test_a_frame_without_combing_keeps_every_row():
    assert not is_combed(image(3))
    assert not is_combed(np.zeros((1, 4, 3), np.uint8))
    odd = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    assert deinterlaced(odd).shape == odd.shape
    np.testing.assert_array_equal(deinterlaced(odd)[::2], odd[::2])


@pytest.mark.parametrize("codec", ["mjpeg", "libx264", "libx265", "mpeg4"])
def test_a_damaged_packet_is_left_out_and_said_and_the_rest_of_the_file_is_read(codec, tmp_path, caplog):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = damaged(tmp_path, codec, {"g": "5", "bf": "0"} if codec != "mjpeg" else {}, pixels, 12, COUNT)
    source, frames = played(path)
    assert COUNT - 6 <= len(frames) <= COUNT
    assert number_of(frames[-1].image) >= COUNT - 2
    recording = open_recording(path)
    assert numbers(recording.frames(0, recording.count - 1)) == numbers(frames)
    if source.damaged:
        assert [r.message for r in caplog.records].count(
            f"{path}: a packet after frame 12 is damaged; it is left out"
        ) <= 1
        assert "left out" in str(recording.broken)


@pytest.mark.parametrize(("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.avi", {}), ("a.mkv", {})])
def test_a_recording_that_breaks_off_gives_all_its_frames_and_says_where_it_ended(name, options, tmp_path, caplog):
    rng = np.random.default_rng(0)
    whole = film(tmp_path / name, 46, container=options, draw=lambda _: rng.integers(0, 255, (48, 64, 3), np.uint8))
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source, frames = played(cut)
    assert 15 < len(frames) < 30
    assert source.broken is not None
    assert f"ended early at frame {len(frames)}" in source.broken
    assert source.broken in caplog.text
    recording = open_recording(cut)
    assert recording.count == len(frames)
    assert recording.broken == source.broken


def test_a_cover_image_is_no_video(tmp_path):
    path = film(tmp_path / "a.mp4")
    with av.open(str(path)) as before, av.open(str(tmp_path / "cover.mp4"), "w") as after:
        cover = after.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = after.add_stream_from_template(before.streams.video[0])
        after.mux(cover.encode(av.VideoFrame.from_ndarray(image(0, (32, 32)), format="rgb24")))
        after.mux(cover.encode(None))
        for packet in before.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    assert numbers(open_source(str(tmp_path / "cover.mp4"))) == numbers(open_source(str(path)))
    assert open_recording(tmp_path / "cover.mp4").count == COUNT


def test_the_size_may_change_inside_a_recording(tmp_path):
    small, large = (
        film(tmp_path / "a.h264", 4, format="h264"),
        film(tmp_path / "b.h264", 4, format="h264", size=(96, 80)),
    )
    path = tmp_path / "both.h264"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    sizes = [(WIDTH, HEIGHT)] * 4 + [(96, 80)] * 4
    recording = open_recording(path)
    assert [recording.size_of(index) for index in range(recording.count)] == sizes
    assert [(frame.width, frame.height) for frame in recording.frames(0, 7)] == sizes
    assert [(frame.epoch, (frame.width, frame.height)) for frame in played(path)[1]] == [
        (int(size != sizes[0]), size) for size in sizes
    ]


def test_times_grow_and_follow_at_the_nominal_rate_where_there_are_none():
    times = FrameTimes(50.0)
    assert [round(times.update(at), 3) for at in (None, None, 0.5, 0.5, 0.4, None, 0.9)] == [
        0.0, 0.02, 0.5, 0.52, 0.54, 0.56, 0.9,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["My clip [abc].mp4", "2026-11-24T10:30:00.mp4", "What? No.mp4", "camera:0.mp4", "100%03d #1.mp4"]
)
def test_what_exists_is_that_file_whatever_its_name_holds(name, tmp_path, monkeypatch):
    film(tmp_path / name, 2)
    monkeypatch.chdir(tmp_path)
    for uri in (name, f"./{name}", str(tmp_path / name)):
        assert len(list(open_source(uri))) == 2
    source = open_source(f"{name}?realtime")
    assert source.live
    assert len(list(source)) == 2
    assert open_recording(Path(name)).count == 2
