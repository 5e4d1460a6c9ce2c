"""Runs recorded as MCAP: read by the `mcap` package, tracked again to the bit, and whole after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from streamer.bus.commands_json import ack_json, commands_of, json_fields
from streamer.channel import Channel
from streamer.edgetam.still import StillTracker
from streamer.errors import CommandError, SourceError, UsageError, WireError
from streamer.events.types import ObjectEvent, SourceEvent
from streamer.pipeline.pipeline import Pipeline
from streamer.replay.compare import compare
from streamer.replay.play import Section, play
from streamer.replay.run_log import open_run
from streamer.sinks import open_sink
from streamer.sources.scene import SceneSource
from streamer.types import Ack, Command, Frame, Pause, Prompt, Remove, Request, Reset, Resume, TrackResult, Undo
from streamer.video.scene import SceneSettings
from tests.fakes import ListSink, result

RUN = {"settings": {"tracking": {}, "model": {"id": "still"}}, "model": {"id": "still"}, "versions": {"streamer": "1"}}
FRAMES, SIDE = 24, (96, 64)
MASK = np.zeros((SIDE[1], SIDE[0]), np.bool_)
MASK[10:30, 20:50] = True
BY_FRAME: dict[int, list[Command]] = {
    0: [Prompt(1, box=(10, 10, 40, 40))],
    4: [Prompt(mask=MASK)],
    6: [Pause()],
    9: [Resume(), Prompt(7, points=((30.25, 20.5), (60, 50)), labels=(1, 0))],
    12: [Prompt(1, points=((50.125, 30.0),), labels=(1,))],
    14: [Undo(1)],
    17: [Remove(7)],
    20: [Reset(), Prompt(box=(1, 2, 30, 40))],
}


class Footage:
    """A scene with an event of its source."""

    live, name = False, "cam"

    def __init__(self) -> None:
        self._scene = SceneSource(SceneSettings(objects=1, width=SIDE[0], height=SIDE[1], frames=FRAMES), name="cam")

    def __iter__(self) -> Iterator[Frame | SourceEvent]:
        for frame in self._scene:
            if frame.index == 2:
                yield SourceEvent("cam", "jumped", "clock", "the clock jumped", 0, 5, 6)
            yield frame

    def close(self) -> None:
        self._scene.close()


def record(path: Path, options: str = "?images=png") -> tuple[list[TrackResult], list[Ack]]:
    """The results of a run with commands that was recorded, and their answers."""
    sink = open_sink(f"{path}{options}")
    sink.begin(RUN)
    kept, acks, commands = ListSink(), [], Channel(64)
    pipeline = Pipeline(Footage(), StillTracker(), {"mcap": sink, "kept": kept}, commands=commands)
    step = pipeline._step

    def step_with_commands(frame: Frame) -> TrackResult | None:
        if frame.index in BY_FRAME:
            commands.put(Request(tuple(BY_FRAME[frame.index]), acks.append))
        return step(frame)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "_step", step_with_commands)
        pipeline.run()
    return kept.results, acks


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, list[TrackResult]]:
    path = tmp_path_factory.mktemp("mcap") / "run.mcap"
    results, acks = record(path)
    assert [ack.error for ack in acks] == [None] * len(BY_FRAME)
    return path, results


def test_the_mcap_package_finds_every_topic_schema_and_the_settings(recorded):
    path, results = recorded
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        counts = {summary.channels[number].topic: n for number, n in summary.statistics.channel_message_counts.items()}
        schemas = {schema.name: schema.encoding for schema in summary.schemas.values()}
        (about,) = [entry.metadata for entry in reader.iter_metadata()]
    assert counts.pop("/cam/events") >= 4
    assert counts == dict.fromkeys(("/cam/image", "/cam/annotations", "/cam/result"), len(results))
    assert schemas == {
        "foxglove.CompressedImage": "protobuf",
        "foxglove.ImageAnnotations": "protobuf",
        "streamer.Result": "jsonschema",
        "streamer.Event": "jsonschema",
    }
    assert {name: json.loads(about[name]) for name in RUN} == RUN


def test_a_run_comes_back_with_its_pixels_masks_commands_and_events(recorded):
    path, results = recorded
    items = list(open_run(path).items())
    read = [item for item in items if isinstance(item, TrackResult)]
    for before, after in zip(results, read, strict=True):
        assert np.array_equal(before.frame.image, after.frame.image)
        assert before.frame.pts_s == after.frame.pts_s
        assert (before.frame.index, before.frame.captured_ns) == (after.frame.index, after.frame.captured_ns)
        assert [(t.object_id, t.state, t.score, t.box) for t in before.tracks] == [
            (t.object_id, t.state, t.score, t.box) for t in after.tracks
        ]
        assert all(np.array_equal(a.mask, b.mask) for a, b in zip(before.tracks, after.tracks, strict=True))
    applied = {one.index: list(map(json_fields, one.commands)) for item in read for one in item.applied}
    assert list(applied) == list(BY_FRAME)
    assert applied[6] == [{"verb": "pause"}] and applied[9][0] == {"verb": "resume"}
    assert any(isinstance(item, SourceEvent) and item.cause == "clock" for item in items)
    assert {item.kind for item in items if isinstance(item, ObjectEvent)} >= {"started", "removed"}


def test_a_run_tracked_again_is_the_same_to_the_bit(recorded):
    path, results = recorded
    found = compare((item for item in open_run(path).items() if isinstance(item, TrackResult)), StillTracker())
    assert (found.first, found.frames, found.commands) == (None, len(results), sum(map(len, BY_FRAME.values())))
    assert found.masks == sum(len(item.tracks) for item in results) > FRAMES


def test_the_first_frame_that_differs_is_named(recorded):
    _, results = recorded
    changed = [replace(item, applied=()) if item.frame.index == 12 else item for item in results]
    found = compare(iter(changed), StillTracker())
    assert (found.first.index, found.first.object_id) == (12, 1)
    assert "has another mask now" in found.first.what and found.worst_iou < 1


def test_a_run_with_a_hole_or_without_its_beginning_is_not_compared(recorded):
    _, results = recorded
    with pytest.raises(SourceError, match="frames 3 to 3 were tracked and are not in the file"):
        compare(iter(results[:3] + results[4:]), StillTracker())
    with pytest.raises(SourceError, match="object 1 was prompted before the first frame"):
        compare(iter(results[2:]), StillTracker())


@pytest.mark.parametrize("images", ["jpeg", "h264", "none"])
def test_images_may_be_lossy_or_left_out_and_masks_stay_exact(tmp_path: Path, images: str):
    results, _ = record(tmp_path / "run.mcap", f"?images={images}")
    read = [item for item in open_run(tmp_path / "run.mcap").items() if isinstance(item, TrackResult)]
    assert len(read) == len(results)
    difference = np.abs(read[-1].frame.image.astype(int) - results[-1].frame.image).mean()
    assert difference < 12 if images != "none" else not read[-1].frame.image.any()
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(results[-1].tracks, read[-1].tracks, strict=True))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_file_that_was_cut_is_read_as_far_as_it_goes(recorded, tmp_path: Path, share: float):
    data = recorded[0].read_bytes()
    file = tmp_path / "cut.mcap"
    file.write_bytes(data[: int(len(data) * share)])
    run = open_run(file)
    read = [item for item in run.items() if isinstance(item, TrackResult)]
    assert run.broken == f"{file}: breaks off: it was cut off"
    assert [item.frame.index for item in read] == [item.frame.index for item in recorded[1]][: len(read)]
    assert len(read) == len(recorded[1]) or share < 0.99


def test_a_flipped_byte_ends_the_file_there_with_one_line(recorded, tmp_path: Path):
    data = bytearray(recorded[0].read_bytes())
    data[len(data) // 2] ^= 0xFF
    file = tmp_path / "flipped.mcap"
    file.write_bytes(data)
    run = open_run(file)
    list(run.items())
    assert run.broken.startswith(f"{file}: breaks off: ") and "\n" not in run.broken


def test_files_that_are_none_of_ours_are_refused_in_one_line(recorded, tmp_path: Path):
    file = tmp_path / "other.mcap"
    file.write_bytes(b"no mcap at all")
    with pytest.raises(UsageError, match="is not an MCAP file"):
        open_run(file)
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        open_run(tmp_path / "missing.mcap")
    data = recorded[0].read_bytes()
    at = data.index(b"format") + len(b"format") + 4
    file.write_bytes(data[:at] + b"9" + data[at + 1 :])
    with pytest.raises(UsageError, match="is of version 9; this program reads version 1"):
        open_run(file)
    from mcap.writer import Writer

    with file.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.finish()
    with pytest.raises(UsageError, match="was not written by"):
        open_run(file)


def test_a_part_of_a_run_is_played_at_its_pace(recorded):
    path, _ = recorded
    kept, waits = ListSink(), []
    section = Section(0.2, 0.5, speed=2.0)
    count = play(open_run(path).items(), [kept], section, sleep=waits.append)
    assert [item.frame.index for item in kept.results] == list(range(9, 16)) and count == 7
    assert max(waits) == pytest.approx(0.15, abs=0.05)


def test_each_part_begins_with_the_settings(tmp_path: Path):
    sink = open_sink(f"{tmp_path}/run.mcap?every=1&keep=2&images=png")
    sink.begin(RUN)
    for index in range(4):
        one = result(index)
        sink.write(replace(one, frame=replace(one.frame, wall_ns=index * 10**9), recorded_ns=index * 10**9))
    sink.close()
    parts = sorted(tmp_path.glob("run-*.mcap"))
    assert len(parts) == 2 and all(open_run(part).about.images == "png" for part in parts)


@pytest.mark.parametrize("option", ["images=gif", "codec=rle"])
def test_options_that_are_none_are_refused(tmp_path: Path, option: str):
    with pytest.raises(UsageError, match="known"):
        open_sink(f"{tmp_path}/run.mcap?{option}")


def test_commands_survive_json():
    commands = [command for some in BY_FRAME.values() for command in some]
    again = commands_of(json.dumps({"commands": [json_fields(command) for command in commands]}))
    assert [json_fields(command) for command in again] == [json_fields(command) for command in commands]
    assert np.array_equal(again[1].mask, MASK)
    assert commands_of('{"verb": "reset"}') == (Reset(),)
    assert json.loads(ack_json(Ack(None, 3, 1, (4,)), "a"))["request_id"] == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "a list of 1 to 64"),
        ("[3]", "a command is a map"),
        ('{"verb": "dance"}', "unknown verb"),
        ('{"verb": "prompt", "mask": {"size": [4, 4]}}', "a mask is size and counts"),
        ('{"verb": "prompt", "mask": {"size": [4, 4], "counts": "~~"}}', "a mask is size and counts"),
        ('{"verb": "prompt", "box": [1, 2, 3]}', "bad field in prompt"),
    ],
)
def test_bad_json_commands_are_one_line(text: str, message: str):
    with pytest.raises((CommandError, WireError), match=message):
        commands_of(text)
