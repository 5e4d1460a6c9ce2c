"""Pictures of events."""

import os
import time
from dataclasses import replace

import av
import cv2
import pytest

from streamer.config.settings import EventSettings
from streamer.errors import SinkError
from streamer.events.clips import ClipSink, prune, stem
from streamer.events.types import ObjectEvent, PlaceEvent
from streamer.types import TrackResult
from tests.fakes import picture, track
from tests.waiting import wait

SECOND = 1_000_000_000


def result(index, fps=10):
    frame = replace(picture(index, source="cam"), captured_ns=index * SECOND // fps)
    return TrackResult(frame, (track(1), track(4)))


def lost(at: TrackResult, object_id=4):
    frame = at.frame
    return ObjectEvent("cam", object_id, "lost", frame.index, 0, frame.captured_ns, frame.wall_ns, 0.1, 0.1, None)


def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_event_has_a_snapshot_a_mask_and_a_clip_from_before_until_after(tmp_path):
    sink = ClipSink(tmp_path, EventSettings(clip_kinds=("lost",), before_s=1.0, after_s=0.5))
    for index in range(30):
        now = result(index)
        sink.write(now)
        sink.write_model(now)
        if index == 20:
            event = lost(now)
            sink.notify(event)
    name = stem(event)
    wait((tmp_path / f"{name}.mp4").exists)
    assert frames_in(tmp_path / f"{name}.mp4") == 16
    assert cv2.imread(str(tmp_path / f"{name}.jpg")).shape == (48, 64, 3)
    assert (cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0).sum() == 8 * 17
    sink.close()


def test_other_events_get_none_and_an_end_writes_what_there_is(tmp_path):
    sink = ClipSink(tmp_path, EventSettings(clip_kinds=("entered",), after_s=60.0))
    now = result(3)
    sink.write(now)
    sink.write_model(now)
    sink.notify(lost(now))
    entered = PlaceEvent("cam", "door", 1, "entered", 3, 0, now.frame.captured_ns, now.frame.wall_ns, 0.9, None)
    sink.notify(entered)
    sink.close()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jpg", ".mp4", ".png"]


def test_before_the_first_picture_there_is_none_of_an_event(tmp_path):
    sink = ClipSink(tmp_path, EventSettings(clip_kinds=("lost",)))
    sink.notify(lost(result(0)))
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_old_and_too_many_files_are_removed_the_oldest_first(tmp_path):
    now = time.time()
    for number in range(6):
        file = tmp_path / f"cam-{10**18 + number}-lost-{number}.jpg"
        file.write_bytes(bytes(1000))
        os.utime(file, (now - number * 86400,) * 2)
    others = ["notes.txt", "holiday.jpg", "holiday-2024-lost.mp4", "20240101-120000.mp4"]
    for name in others:
        (tmp_path / name).write_bytes(bytes(5000))
        os.utime(tmp_path / name, (0, 0))
    prune(tmp_path, EventSettings(days=3.5, clips_max_size_mb=0.0025), now)
    kept = [f"cam-{10**18 + number}-lost-{number}.jpg" for number in (0, 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, *others])


def test_a_folder_that_is_gone_ends_nothing_and_clips_are_written_again_when_it_is_back(tmp_path):
    folder = tmp_path / "clips"
    sink = ClipSink(folder, EventSettings(clip_kinds=("lost",), after_s=0.0))
    folder.rmdir()
    folder.write_text("a file where the folder was")
    now = result(3)
    sink.write(now)
    sink.notify(lost(now))
    wait(lambda: sink.failed > 0)
    folder.unlink()
    folder.mkdir()
    later = result(4)
    sink.write(later)
    sink.notify(lost(later))
    wait((folder / f"{stem(lost(later))}.jpg").exists)
    sink.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be created"):
        ClipSink(tmp_path / "file" / "clips", EventSettings())
