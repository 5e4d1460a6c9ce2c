import struct
from dataclasses import replace

import msgpack
import numpy as np
import pytest

from streamer.bus.messages import VERSION, header_of, pack_event, pack_jpeg, pack_masks, unpack
from streamer.bus.requests import pack_ack, pack_request, pack_status_request, unpack_reply, unpack_request
from streamer.errors import CommandError, WireError
from streamer.events.types import ObjectEvent, PlaceEvent, SourceEvent
from streamer.masks import CODECS
from streamer.types import Ack, Pause, Prompt, Remove, Reset, Resume
from tests.fakes import result


def message(codec="rle", ids=(1, 2)):
    outcome = result(5, ids, dropped=3)
    return pack_masks("cam/masks", outcome, codec, header_of(outcome, sequence=4, dropped=3, published_ns=9))


@pytest.mark.parametrize("codec", CODECS)
def test_a_message_comes_back_as_it_went(codec):
    got = unpack(message(codec))
    assert (got.topic, got.source, got.index, got.sequence) == ("cam/masks", "fake", 5, 4)
    assert got.header["dropped"] == 3
    assert [entry.object_id for entry in got.objects] == [1, 2]
    for entry, track in zip(got.objects, result(5, (1, 2)).tracks, strict=True):
        np.testing.assert_array_equal(entry.mask(), track.mask)
        assert (entry.box, entry.area, entry.state) == (track.box, int(track.mask.sum()), track.state)
        assert entry.score == pytest.approx(track.score)


def test_a_carried_mask_says_where_it_is_from_and_how_old_it_is():
    outcome = result(5, (1,))
    carried = replace(outcome.tracks[0], mask_from="motion", age=3, confidence=0.75)
    outcome = replace(outcome, tracks=(carried,), mask_from="motion")
    got = unpack(pack_masks("t", outcome, "rle", header_of(outcome, sequence=1, dropped=0, published_ns=0)))
    assert got.header["mask_from"] == "motion"
    assert (got.objects[0].mask_from, got.objects[0].age, got.objects[0].confidence) == ("motion", 3, 0.75)


def test_an_empty_mask_travels_as_no_bytes():
    outcome = result(0, ())
    got = unpack(pack_masks("t", outcome, "rle", header_of(outcome, sequence=1, dropped=0, published_ns=0)))
    assert got.objects == ()


def test_a_picture_travels():
    outcome = result(0, ())
    header = header_of(outcome, sequence=1, dropped=0, published_ns=0)
    assert unpack(pack_jpeg("t", b"jpeg!", header)).jpeg == b"jpeg!"


EVENTS = (
    SourceEvent("cam", "restored", "stalled", "back after 2.0 s", 3, 1, 2, gap_s=2.0),
    ObjectEvent("cam", 7, "reacquired", 40, 3, 1, 2, 0.5, 0.75, (1, 2, 3, 4), unseen_s=1.5),
    PlaceEvent("cam", "fence", 7, "crossed", 40, 3, 1, 2, 0.5, (1, 2, 3, 4), to="left"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_travels_with_what_it_is_of(event):
    header = unpack(pack_event("cam/events", event, 9)).header
    assert (header["kind"], header["event"], header["sequence"]) == ("event", event.kind, 9)
    assert (header["source"], header["epoch"], header["message"]) == ("cam", 3, event.message)
    assert header.get("cause") == getattr(event, "cause", None)
    assert header.get("object_id") == getattr(event, "object_id", None)
    assert header.get("zone") == getattr(event, "zone", None)


def test_the_age_is_told_by_the_wall_clock():
    got = unpack(message())
    assert got.age_ms(int(got.header["wall_ns"]) + 5_000_000) == pytest.approx(5)


def test_every_cut_of_a_message_is_refused_or_shorter():
    whole = message()
    for end in range(len(whole) - 1):
        with pytest.raises(WireError):
            got = unpack(whole[:end])
            [entry.mask() for entry in got.objects]


def test_another_version_is_refused_by_name():
    data = msgpack.packb({"v": VERSION + 1})
    with pytest.raises(WireError, match=f"version {VERSION + 1}"):
        unpack(b"t\0" + len(data).to_bytes(4, "little") + data)


@pytest.mark.parametrize(
    "commands",
    [
        (Prompt(1, points=((1.5, 2.0), (3.0, 4.0)), labels=(1, 0)),),
        (Prompt(2, box=(1.0, 2.0, 30.0, 40.0)), Remove(1)),
        (Prompt(3, box=(1.0, 2.0, 30.0, 40.0), points=((1.0, 1.0),), labels=(1,), mode="replace"),),
        (Reset(), Pause(), Resume()),
    ],
)
def test_a_request_comes_back_as_it_went(commands):
    got = unpack_request(pack_request(commands))
    assert got is not None
    for a, b in zip(got, commands, strict=True):
        assert type(a) is type(b)
        if isinstance(a, Prompt) and isinstance(b, Prompt):
            for name in ("object_id", "points", "labels", "box", "mode"):
                assert getattr(a, name) == getattr(b, name)
        else:
            assert a == b


def test_a_mask_prompt_comes_back_as_it_went():
    mask = np.random.default_rng(0).random((37, 53)) > 0.5
    got = unpack_request(pack_request([Prompt(4, mask=mask)]))
    assert got is not None
    np.testing.assert_array_equal(got[0].mask, mask)


def test_a_status_request_is_told_apart():
    assert unpack_request(pack_status_request()) is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"verb": "explode"}, "unknown verb"),
        ({"verb": "remove"}, "id is a whole number"),
        ({"verb": "remove", "object_id": -1}, "id is a whole number"),
        ({"verb": "remove", "object_id": 1, "colour": "red"}, "unknown field 'colour'"),
        ({"verb": "prompt", "object_id": 1}, "needs points, a box or a mask"),
        ({"verb": "prompt", "object_id": 1, "points": [[1, 2]]}, "labels"),
        ({"verb": "prompt", "object_id": 1, "points": [[1]], "labels": [1]}, "bad field"),
        ({"verb": "prompt", "object_id": 1, "points": [[float("nan"), 2]], "labels": [1]}, "finite"),
        ({"verb": "prompt", "object_id": 1, "points": [[1, 2]], "labels": [7]}, "labels are 1"),
        ({"verb": "prompt", "object_id": 1, "box": [1, 2, 3]}, "bad field"),
        ({"verb": "prompt", "object_id": 1, "box": [5, 5, 5, 9]}, "no area"),
        ({"verb": "prompt", "object_id": 1, "mask": {"size": [1 << 30, 1 << 30], "data": b""}}, "bad field"),
        ({"verb": "prompt", "object_id": 1, "mask": {"size": [8, 8], "data": b"zzz"}}, "bad field"),
        ({"verb": "prompt", "object_id": 1, "mode": "x", "box": [1, 1, 2, 2]}, "mode"),
        ({"verb": "prompt", "object_id": 1, "points": [[1, 2]] * 99, "labels": [1] * 99}, "at most"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_by_name(fields, says):
    with pytest.raises(CommandError, match=says):
        unpack_request(msgpack.packb({"v": VERSION, "commands": [fields]}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"hello",
        msgpack.packb([]),
        msgpack.packb({"v": 99, "commands": []}),
        msgpack.packb({"v": VERSION, "commands": []}),
        msgpack.packb({"v": VERSION, "commands": [1]}),
        msgpack.packb({"v": VERSION, "commands": [{"verb": "reset"}] * 65}),
        b"\x00" * (5 << 20),
    ],
)
def test_bytes_that_are_no_request_are_refused(data):
    with pytest.raises(WireError):
        unpack_request(data)


def test_random_bytes_never_crash_the_reader():
    rng = np.random.default_rng(0)
    valid = pack_request([Prompt(1, box=(1.0, 2.0, 3.0, 4.0))])
    for _ in range(3000):
        data = bytearray(valid)
        for _ in range(rng.integers(1, 5)):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            unpack_request(bytes(data))
        except (WireError, CommandError):
            continue


def test_an_acknowledgement_comes_back():
    assert unpack_reply(pack_ack(Ack(index=5, epoch=2))) == {
        "v": VERSION,
        "ok": True,
        "error": None,
        "index": 5,
        "epoch": 2,
        "object_ids": [],
    }


def test_a_message_with_a_broken_topic_or_an_endless_number_is_refused():
    sound = pack_masks("cam/masks", result(), "rle", header_of(result(), sequence=1, dropped=0, published_ns=1))
    with pytest.raises(WireError, match="broken field"):
        unpack(b"\xff" + sound)
    entry = {"id": 1, "score": 1.0, "predicted_iou": 1.0, "state": "tracked", "area": float("inf")}
    header = {"v": 1, "kind": "masks", "size": [8, 8], "objects": [entry | {"box": None, "codec": "rle", "at": [0, 0]}]}
    packed = msgpack.packb(header)
    with pytest.raises(WireError, match="broken field"):
        unpack(b"cam\0" + struct.pack("<I", len(packed)) + packed)


def test_a_mask_of_endless_size_is_refused():
    asked = {"verb": "prompt", "object_id": 1, "mask": {"size": [float("inf"), 4], "data": b""}}
    with pytest.raises(CommandError, match="bad field in prompt"):
        unpack_request(msgpack.packb({"v": 1, "commands": [asked]}))
