"""The overlay over HTTP, read by our own source and by readers that behave badly."""

import socket
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from streamer.errors import SinkError, UsageError
from streamer.sinks import open_sink
from streamer.sinks.mjpeg import MAX_READERS, MjpegSink
from streamer.types import Frame, TrackResult
from tests.fakes import track
from tests.waiting import wait


@pytest.fixture
def sink():
    sink = open_sink("mjpeg:127.0.0.1:0")
    assert isinstance(sink, MjpegSink)
    yield sink
    sink.close()


def picture(value: int, size=(48, 64)) -> TrackResult:
    return TrackResult(Frame.from_image(np.full((*size, 3), value, np.uint8), index=value), (track(1, *size),))


def reader(sink: MjpegSink) -> socket.socket:
    """One that has asked for the stream and read nothing yet."""
    port = int(sink.endpoint.rstrip("/").rpartition(":")[2])
    asked, before = socket.create_connection(("127.0.0.1", port)), sink.readers
    asked.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    wait(lambda: sink.readers > before, 3.0)
    return asked


def test_a_browser_gets_a_page_and_the_picture_with_masks(sink):
    with urllib.request.urlopen(sink.endpoint) as page:
        assert b'src="stream"' in page.read()
    with reader(sink) as browser:
        sink.write(picture(90))
        browser.settimeout(3)
        data = b""
        while b"\xff\xd9" not in data:
            data += browser.recv(65536)
    assert b"multipart/x-mixed-replace; boundary=frame" in data
    assert b"Content-Type: image/jpeg" in data


def test_a_reader_that_is_gone_is_forgotten_and_others_go_on(sink):
    gone, other = reader(sink), reader(sink)
    gone.close()
    for value in range(20):
        sink.write(picture(value))
        time.sleep(0.01)
    wait(lambda: sink.readers == 1, 3.0)
    other.close()


def test_a_frozen_reader_costs_a_writer_nothing_and_is_dropped(sink, monkeypatch):
    monkeypatch.setattr("streamer.sinks.mjpeg._Reader.timeout", 0.3)
    frozen = reader(sink)
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    shown = TrackResult(Frame.from_image(noise, index=0), ())
    slowest = 0.0
    until = time.monotonic() + 6
    while sink.readers and time.monotonic() < until:
        began = time.monotonic()
        sink.write(shown)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.005)
    assert sink.readers == 0
    assert slowest < 0.25
    frozen.close()


def test_no_more_readers_than_can_be_served(sink):
    readers = [reader(sink) for _ in range(MAX_READERS)]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{sink.endpoint}stream")
    for one in readers:
        one.close()


def test_a_page_from_elsewhere_does_not_reach_it_by_another_name(sink):
    asked = urllib.request.Request(sink.endpoint, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked)


def test_an_address_that_cannot_be_is_refused_with_the_remedy(sink):
    with pytest.raises(UsageError, match="the address must be of this machine"):
        open_sink("mjpeg:0.0.0.0:8080")
    with pytest.raises(UsageError, match=r"use mjpeg:127\.0\.0\.1:PORT"):
        open_sink("mjpeg:here")
    with pytest.raises(SinkError, match="choose another port"):
        open_sink(sink.endpoint.rstrip("/").replace("http://", "mjpeg:"))
