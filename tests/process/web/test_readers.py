"""The results that each reader is sent, and when."""

import asyncio
import base64
import json
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.client import Client, unpack
from streamer.config.settings import CameraSettings
from streamer.errors import WireError
from streamer.masks import colour
from streamer.soak.proxy import Proxy
from streamer.video.h264 import H264Encoder
from streamer.web.feed import Feed, FeedMessage, Variant
from streamer.web.link import MAX_IN_FLIGHT
from streamer.web.mjpeg import MjpegResponse
from streamer.web.readers import Reader, Readers
from streamer.web.serve_app import serving
from tests.fakes import result
from tests.process.web.conftest import serve_settings

JPEG = Variant("jpeg", None)


def key_frame(name):
    return FeedMessage(name, needs_earlier=False)


def delta_frame(name):
    return FeedMessage(name, needs_earlier=True)


def reading(test):
    """Run a test of a reader on an event loop."""

    async def run():
        await test(Reader("cam", JPEG))

    asyncio.run(run())


def test_the_newest_result_replaces_the_one_that_waits():
    async def test(reader):
        for name in (b"1", b"2", b"3"):
            reader.put(key_frame(name))
        assert await reader.next() == b"3"
        assert reader.missed == 2

    reading(test)


def test_at_most_two_results_are_not_acknowledged():
    async def test(reader):
        for number in range(MAX_IN_FLIGHT):
            reader.put(key_frame(b"%d" % number))
            assert await reader.next()
        reader.put(key_frame(b"too early"))
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        reader.put(key_frame(b"now"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        reader.acknowledge(time.monotonic())
        assert await waiting == b"now"

    reading(test)


def test_an_event_is_sent_to_a_reader_that_has_acknowledged_nothing():
    async def test(reader):
        for number in range(MAX_IN_FLIGHT):
            reader.put(key_frame(b"%d" % number))
            await reader.next()
        reader.put("lost")
        assert await reader.next() == "lost"

    reading(test)


def test_a_reader_that_acknowledges_nothing_is_dropped(monkeypatch):
    monkeypatch.setattr("streamer.web.readers.READ_TIMEOUT_S", 0.05)

    async def test(reader):
        for number in range(MAX_IN_FLIGHT):
            reader.put(key_frame(b"%d" % number))
            await reader.next()
        with pytest.raises(TimeoutError):
            await reader.next()

    reading(test)


def test_a_reader_waits_for_a_camera_that_gives_no_frames(monkeypatch):
    monkeypatch.setattr("streamer.web.readers.READ_TIMEOUT_S", 0.02)

    async def test(reader):
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        reader.end()
        assert await waiting is None

    reading(test)


def test_a_reader_that_missed_a_frame_gets_a_key_frame_next():
    async def test(reader):
        assert reader.put(delta_frame(b"p0"))  # at the start a key frame is needed
        assert not reader.put(key_frame(b"key"))
        assert await reader.next() == b"key"
        assert not reader.put(delta_frame(b"p1"))
        assert reader.put(delta_frame(b"p2"))  # p1 was not sent: a key frame is needed
        reader.put("text")
        assert await reader.next() == "text"
        assert reader.put(delta_frame(b"p3"))
        assert not reader.put(key_frame(b"key 2"))
        assert await reader.next() == b"key 2"

    reading(test)


def collected(*variants):
    """A feed with these variants, and the list of its messages."""
    sent = []
    feed = Feed("fake", lambda camera, variant, item: sent.append((camera, variant, item)))
    feed.wanted = frozenset(variants)
    return feed, sent


def test_without_readers_nothing_is_encoded():
    feed, sent = collected()
    feed.write(result())
    assert sent == []
    assert feed.latest is not None


def test_a_result_is_packed_once_for_each_variant_with_its_masks():
    feed, sent = collected(JPEG, Variant("none", None))
    feed.write(result(7, ids=(1, 4)))
    assert len(sent) == 2
    for _, variant, message in sent:
        read = unpack(message.data)
        assert read.index == 7
        assert set(read.masks) == {1, 4}
        assert read.masks[1].sum() == 8 * 17
        assert bool(read.jpeg) == (variant.images == "jpeg")
    assert unpack(sent[0][2].data).header["sequence"] == 1


def test_a_score_that_is_not_a_number_is_null():
    feed, sent = collected(JPEG)
    whole = result()
    feed.write(replace(whole, tracks=(replace(whole.tracks[0], score=float("nan")),)))
    assert b"NaN" not in sent[0][2].data
    assert unpack(sent[0][2].data).objects[0]["score"] is None


def test_a_frame_for_a_small_screen_is_scaled_and_masks_are_not():
    feed, sent = collected(Variant.of("jpeg", 30))
    assert next(iter(feed.wanted)).width == 320  # the next of WIDTHS
    feed.wanted = frozenset({Variant("jpeg", 32)})
    feed.write(result())
    read = unpack(sent[0][2].data)
    assert read.image().shape == (24, 32, 3)
    assert read.masks[1].shape == (48, 64)


def test_a_key_frame_is_encoded_when_it_is_requested():
    variant = Variant("h264", None)
    feed, sent = collected(variant)
    for index in range(3):
        feed.write(result(index))
    feed.request_key(variant)
    feed.write(result(3))
    assert [message.needs_earlier for _, _, message in sent] == [False, True, True, False]


def test_the_encoder_follows_the_size_of_the_frames():
    encoder = H264Encoder()
    assert encoder.encode(np.zeros((48, 64, 3), np.uint8))[1]
    assert not encoder.encode(np.zeros((48, 64, 3), np.uint8))[1]
    data, is_key = encoder.encode(np.zeros((51, 67, 3), np.uint8))
    assert is_key
    assert data.startswith(b"\0\0\0\1")


@pytest.mark.parametrize(
    "broken", [b"", b"\xff\xff\xff\xff{}", struct.pack("<I", 2) + b"{}", struct.pack("<I", 2) + b"[]"]
)
def test_bytes_that_are_not_a_result_are_an_error(broken):
    with pytest.raises(WireError, match="are not a result"):
        unpack(broken)


def test_events_are_sent_as_json():
    from streamer.events.object_state import ObjectStates

    feed, sent = collected(JPEG)
    for event in ObjectStates().update(result()):
        feed.notify(event)
    message = json.loads(sent[0][2])
    assert (message["kind"], message["event"], message["object_id"]) == ("event", "started", 1)


def test_motion_jpeg_sends_each_newest_frame_once_and_ends_with_its_camera():
    readers, sent = camera_with(result(1)), []

    async def test():
        async def send(message):
            sent.append(message)
            if len(sent) == 2:
                readers.feeds["fake"].write(result(2))
            if len(sent) == 3:
                readers.feeds.clear()

        await MjpegResponse(readers, "fake", with_overlay=False, allowed=lambda: True)({}, never, send)

    asyncio.run(test())
    assert [message["more_body"] for message in sent[1:]] == [True, True, False]
    assert sent[1]["body"] != sent[2]["body"]
    assert sent[1]["body"].startswith(b"--frame\r\nContent-Type: image/jpeg\r\n")
    assert readers.count("fake") == 0


def test_a_motion_jpeg_reader_that_reads_nothing_is_dropped(monkeypatch, caplog):
    monkeypatch.setattr("streamer.web.mjpeg.READ_TIMEOUT_S", 0.02)
    readers = camera_with(result(1))

    async def test():
        async def send(message):
            if message["type"] == "http.response.body":
                await never()

        await MjpegResponse(readers, "fake", with_overlay=True, allowed=lambda: True)({}, never, send)

    asyncio.run(test())
    assert readers.dropped == 1
    assert "camera fake: a Motion JPEG reader read nothing" in caplog.text


def camera_with(latest):
    """Readers of a camera that has sent a result."""
    readers = Readers()
    readers.feeds["fake"] = Feed("fake", lambda *_: None)
    readers.feeds["fake"].write(latest)
    return readers


async def never():
    await asyncio.Event().wait()


def test_the_page_and_the_client_read_the_same_message():
    """`result.json` is read by the tests of the page's modules too."""
    expected = json.loads((Path(__file__).parents[2] / "page" / "result.json").read_text())
    read = unpack(base64.b64decode(expected["message"]))
    drawn = {
        str(number): ["".join(".#"[int(value)] for value in row) for row in mask] for number, mask in read.masks.items()
    }
    assert drawn == expected["masks"]
    assert {int(number): tuple(rgb) for number, rgb in expected["colours"].items()} == {
        int(number): colour(int(number)) for number in expected["colours"]
    }
    feed, sent = collected(JPEG)
    feed.write(result())
    assert unpack(sent[0][2].data).header.keys() == read.header.keys()


def test_a_slow_link_gets_narrower_frames_that_are_not_seconds_old(tmp_path):
    settings = serve_settings(tmp_path, [])
    uri = "scene:?size=1280x720&fps=8&frames=0&realtime&objects=1"
    with serving(settings) as (serve_app, server), Proxy(int(server.url.rpartition(":")[2])) as wire:
        serve_app.cameras.add("wide", CameraSettings.model_validate({"source": {"uri": uri}}))
        wire.bytes_a_second = 60_000
        ages_s, widths, until = [], [], time.monotonic() + 10
        with Client(f"http://127.0.0.1:{wire.port}") as client:
            results = client.results("wide", images=True, width=1280)
            for result in results:
                ages_s.append(time.time() - result.header["wall_ns"] / 1e9)
                widths.append(result.image().shape[1])
                if time.monotonic() > until:
                    break
            results.close()
    assert widths[0] == 1280
    assert widths[-1] < 1280
    assert ages_s[-1] < 2, ages_s
