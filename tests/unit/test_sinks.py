import json
import time
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from streamer.errors import SinkError, UsageError
from streamer.events.types import SourceEvent
from streamer.ports import Sink
from streamer.sinks import PUSH_FORMATS, open_sink
from streamer.sinks.push import PushSink
from streamer.sinks.retried import RetriedSink
from streamer.types import TrackResult
from tests.fakes import ListSink, picture, result


def timed(index, **options):
    given = result(index, **options)
    return replace(given, frame=replace(given.frame, pts_s=index / 30))


@pytest.fixture
def uris(tmp_path):
    return {
        "mp4": str(tmp_path / "a" / "out.mp4"),
        "mkv": str(tmp_path / "out.mkv"),
        "jsonl": str(tmp_path / "out.jsonl"),
        "masks": f"masks:{tmp_path}/masks",
        "zmq": "zmq:tcp://127.0.0.1:*",
        "null": "null:",
        "udp": "udp://127.0.0.1:9",
    }


@pytest.mark.parametrize("kind", ["mp4", "mkv", "jsonl", "masks", "zmq", "null", "udp"])
def test_every_sink_keeps_the_contract(kind, uris):
    sink = open_sink(uris[kind])
    assert isinstance(sink, Sink)
    for index in range(4):
        given = timed(index)
        before = given.frame.image.copy()
        sink.write(given)
        np.testing.assert_array_equal(given.frame.image, before)
    sink.close()
    sink.close()


def play(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_video_plays_with_every_frame_at_its_time_and_the_masks_drawn(kind, uris):
    from tests.fakes import picture, track

    mask = np.zeros((240, 320), np.bool_)
    mask[100:200, 100:200] = True
    drawn = replace(track(1), mask=mask, box=(100, 100, 200, 200))
    sink = open_sink(uris[kind])
    for index in (0, 1, 2, 8, 9):
        frame = replace(picture(0, width=320, height=240), index=index, pts_s=index / 30)
        sink.write(replace(timed(index), frame=frame, tracks=(drawn,)))
    sink.close()
    frames = play(uris[kind])
    assert [round(time * 30) for time, _ in frames] == [0, 1, 2, 8, 9]
    image = frames[0][1].astype(int)
    assert image[150, 150].max() - image[220, 250].max() > 60


def test_what_was_written_of_a_video_plays_before_it_is_closed(uris, tmp_path):
    sink = open_sink(uris["mp4"])
    for index in range(700):
        sink.write(timed(index))
    assert len(play(uris["mp4"])) > 100
    sink.close()


def test_a_video_goes_on_when_the_picture_changes_its_size(uris):
    from tests.fakes import picture

    sink = open_sink(uris["mp4"])
    sink.write(timed(0))
    given = timed(1, ids=())
    sink.write(replace(given, frame=replace(picture(1, width=100, height=80), pts_s=1 / 30)))
    sink.close()
    assert {image.shape for _, image in play(uris["mp4"])} == {(48, 64, 3)}


def test_a_loop_does_not_turn_a_recordings_time_back(uris):
    sink = open_sink(uris["mp4"])
    for index in (0, 1, 2, 0, 1):
        sink.write(timed(index))
    sink.close()
    times = [time for time, _ in play(uris["mp4"])]
    assert len(times) == 5
    assert times == sorted(times)


def test_mask_pictures_hold_ids(uris, tmp_path):
    sink = open_sink(uris["masks"])
    sink.write(result(3, (7,)))
    sink.write(result(4, (300,)))
    image = cv2.imread(str(tmp_path / "masks" / "00000003.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image == 7, result(3).tracks[0].mask)
    assert cv2.imread(str(tmp_path / "masks" / "00000004.png"), cv2.IMREAD_UNCHANGED).max() == 300


def test_json_lines_hold_masks_that_coco_tools_read(uris, tmp_path):
    sink = open_sink(uris["jsonl"])
    sink.write(result(3, (7,)))
    sink.close()
    (line,) = (json.loads(text) for text in (tmp_path / "out.jsonl").read_text().splitlines())
    assert (line["index"], line["objects"][0]["id"]) == (3, 7)
    np.testing.assert_array_equal(
        coco.decode(line["objects"][0]["segmentation"]).astype(bool), result(3).tracks[0].mask
    )


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("out.txt", UsageError, "a file ends in"),
        ("carrier-pigeon://x", UsageError, "unknown scheme"),
        ("zmq:tcp://0.0.0.0:5555", UsageError, "only this machine"),
        ("zmq:tcp://127.0.0.1:99999", UsageError, "no address: Port out of range"),
        ("zmq:tcp://[", UsageError, r"'tcp://\[' is no address"),
        ("zmq:tcp://127.0.0.1:*?codec=morse", UsageError, "codec 'morse'"),
        ("zmq:tcp://127.0.0.1:*?kodec=rle", UsageError, "unknown option"),
        ("/proc/nope/out.mp4", SinkError, "cannot be created"),
        ("/proc/out.jsonl", SinkError, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(uri, error, says):
    with pytest.raises(error, match=says) as caught:
        open_sink(uri)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["rtsp://user:hunter2@127.0.0.1:9/x", "rtmp://user:hunter2@127.0.0.1:9/x"])
def test_a_push_says_why_it_failed_and_hides_the_password(url):
    sink = PushSink(url, PUSH_FORMATS[url[:4]], fps=None, size=None)
    with pytest.raises(
        SinkError, match=r"\*\*\*@127\.0\.0\.1:9/x: .*(refused|rror).*; check that its server runs"
    ) as caught:
        for index in range(200):
            sink.write(timed(index))
            time.sleep(0.05)
    sink.close()
    assert "hunter2" not in str(caught.value)


def test_a_sink_that_fails_is_opened_again_later_each_time_and_ends_nothing(caplog):
    now, opened, broken = [0.0], [], [True]

    class Fragile(ListSink):
        def write(self, result):
            if broken[0]:
                raise SinkError("rtsp://camera: refused")
            super().write(result)

    def reopen():
        opened.append(Fragile())
        return opened[-1]

    sink = RetriedSink(reopen, clock=lambda: now[0])
    for second in range(10):
        now[0] = float(second)
        sink.write(result(second))
    assert len(opened) == 4  # at 0, 1, 3 and 8 s
    assert sink.lost == 10
    assert "retrying in 10 s" in caplog.text
    broken[0] = False
    now[0] = 30.0
    sink.write(result(30))
    assert [r.frame.index for r in opened[-1].results] == [30]
    sink.close()
    sink.close()
    assert opened[-1].closed >= 1


def event(number):
    return SourceEvent("cam", "lost", "stalled", "no frame for 5 s", number, 0, 0)


def test_events_wait_for_a_sink_that_fails_and_are_written_once(caplog):
    now, broken, written = [0.0], [True], []

    class Fragile(ListSink):
        def write(self, result):
            written.append(("result", result.frame.index))

        def notify(self, event):
            if broken[0]:
                raise SinkError("a full disk")
            written.append(("event", event.epoch))

    sink = RetriedSink(Fragile, clock=lambda: now[0])
    for number in range(3):
        sink.notify(event(number))
    sink.write(result(0))
    broken[0], now[0] = False, 2.0
    sink.notify(event(3))
    sink.write(result(1))
    sink.notify(event(4))
    assert written == [*(("event", number) for number in range(4)), ("result", 1), ("event", 4)]
    assert sink.lost == 1  # result 0
    broken[0] = True
    sink.notify(event(5))
    sink.close()
    assert "1 events are lost" in caplog.text
    assert sink.lost == 2


def test_events_before_the_first_frame_are_in_the_first_part(tmp_path):
    sink = open_sink(f"{tmp_path}/run.jsonl?every=2")
    sink.notify(event(7))
    sink.write(shown(0))
    sink.close()
    (part,) = tmp_path.iterdir()
    assert [json.loads(line).get("epoch") for line in part.read_text().splitlines()] == [7, 0]


def test_a_full_disk_ends_with_one_line_and_what_was_written_plays(tmp_path):
    """/dev/full is a real full disk for JSON lines; for a video the limit of the file's size stands in."""
    import resource
    import signal

    sink = _json_sink_on_full()
    with pytest.raises(SinkError, match="No space left"):
        sink.write(result(0))
    sink.close()
    path = tmp_path / "out.mp4"
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        sink = open_sink(str(path))
        with pytest.raises(SinkError, match=r"out.mp4: .*plays"):
            rng = np.random.default_rng(0)
            for index in range(600):
                given = timed(index, ids=())
                noisy = rng.integers(0, 255, (96, 128, 3), np.uint8)
                sink.write(replace(given, frame=replace(given.frame, image=noisy)))
        sink.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert play_until_broken(path) > 0


def _json_sink_on_full():
    from pathlib import Path

    from streamer.sinks.files import JsonLinesSink

    return JsonLinesSink(Path("/dev/full"))


def play_until_broken(path):
    count = 0
    try:
        with av.open(str(path)) as container:
            for _ in container.decode(video=0):
                count += 1
    except av.error.FFmpegError:
        pass
    return count


def playable(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def shown(index, fps=10.0):
    at_ns = int(index / fps * 1e9)
    return TrackResult(replace(picture(index), captured_ns=at_ns, wall_ns=1_700_000_000_000_000_000 + at_ns), ())


def test_a_recording_in_parts_loses_no_frame_and_keeps_the_newest(tmp_path):
    sink = open_sink(f"{tmp_path}/run.mp4?every=2&keep=3")
    for index in range(95):
        sink.write(shown(index))
    sink.close()
    parts = sorted(tmp_path.iterdir())
    assert [playable(part) for part in parts] == [20, 20, 15]
    assert all(part.name.startswith("run-20231114-") or part.name.startswith("run-20231115-") for part in parts)


def test_a_part_ends_when_it_is_large(tmp_path):
    sink = open_sink(f"{tmp_path}/run.jsonl?max_size_mb=0.002")
    for index in range(120):
        sink.write(shown(index))
    sink.close()
    lines = [line for part in sorted(tmp_path.iterdir()) for line in part.read_text().splitlines()]
    assert len(list(tmp_path.iterdir())) > 2
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(120))


def test_a_sink_that_is_not_required_goes_on_in_a_new_file(tmp_path, caplog):
    sink = open_sink(f"{tmp_path}/run.jsonl?required=0")
    now = [0.0]
    sink._clock = lambda: now[0]
    sink.write(shown(0))
    sink._sink._file.close()
    sink._sink._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    sink.write(shown(1))
    sink.write(shown(2))
    now[0] = 2.0
    sink.write(shown(3))
    sink.close()
    assert "No space left" in caplog.text
    assert [len(path.read_text().splitlines()) for path in sorted(tmp_path.iterdir())] == [1, 1]
    assert sink.lost == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("evry=2", "unknown option 'evry'"),
        ("every=0", "every=0 must be more than 0"),
        ("keep=3", "needs every=SECONDS"),
    ],
)
def test_an_option_of_a_recording_that_makes_no_sense_is_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        open_sink(f"{tmp_path}/run.mp4?{options}")


def test_an_id_that_no_label_image_holds_is_left_out_and_logged_once(tmp_path, caplog):
    sink = open_sink(f"masks:{tmp_path}/masks")
    for index in range(3):
        sink.write(result(index, ids=(70_000, 300)))
    sink.close()
    labels = cv2.imread(str(tmp_path / "masks" / "00000002.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(labels)) == {0, 300}
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "object 70000 is not in the PNG files, which hold ids up to 65535; prompt it with a lower id"
    ]
