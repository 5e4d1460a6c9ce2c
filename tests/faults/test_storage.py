"""Events and clips on a disk that is really full, and has room again."""

import subprocess

import pytest

from streamer.config.settings import EventSettings
from streamer.events.clips import ClipSink, stem
from streamer.events.journal import read
from streamer.events.journal_sink import JournalSink
from streamer.events.pending import pending_file
from streamer.rate_limit import Backoff
from tests.requirements import program, require
from tests.unit.test_clips import frames_in, lost, result
from tests.unit.test_journal import event
from tests.waiting import wait


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    mounted = program("mount") and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    require("tmpfs", mounted, "run as root, where tmpfs can be mounted")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk):
    """Use up every byte; returns the file that does."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_no_event_is_lost_while_the_disk_is_full(small_disk, caplog):
    path = small_disk / "events.sqlite"
    sink = JournalSink(EventSettings(file=path), backoff=Backoff((0.05,)))
    sink.notify(event(0))
    wait(lambda: sink.stored)
    filler = fill(small_disk)
    for index in range(1, 500):
        sink.notify(event(index))
    wait(lambda: "events are kept in memory" in caplog.text)
    assert not sink.stored
    filler.unlink()
    wait(lambda: sink.stored)
    sink.close()
    assert [entry["index"] for entry in read(path)] == list(range(500))
    assert sink.lost == 0


def test_events_that_a_full_disk_takes_nowhere_are_counted(small_disk, caplog):
    path = small_disk / "events.sqlite"
    sink = JournalSink(EventSettings(file=path), backoff=Backoff((0.05,)))
    filler = fill(small_disk)
    for index in range(500):
        sink.notify(event(index))
    sink.close()
    assert sink.lost == 500
    assert "500 events are lost" in caplog.text
    filler.unlink()
    assert read(path) == []
    assert not pending_file(path).exists() or pending_file(path).stat().st_size < 300_000


def test_clips_are_written_again_when_the_disk_has_room(small_disk, caplog):
    sink = ClipSink(small_disk / "clips", EventSettings(clip_kinds=("lost",), before_s=1.0, after_s=0.0))
    filler = fill(small_disk)
    at = [result(index) for index in range(12)]
    for each in at[:6]:
        sink.write(each)
    sink.notify(lost(at[5]))
    sink.write(at[6])
    wait(lambda: sink.lost == 2)  # the snapshot and the clip
    assert "are missing so far" in caplog.text
    filler.unlink()
    sink.notify(lost(at[6]))
    sink.write(at[7])
    clip = small_disk / "clips" / f"{stem(lost(at[6]))}.mp4"
    wait(clip.exists)
    sink.close()
    assert frames_in(clip) == 8
    assert [path for path in clip.parent.iterdir() if ".part" in path.name] == []
