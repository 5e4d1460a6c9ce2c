"""The newest result for a control loop: at once, and nothing where it is stale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from streamer.bus.publisher import Publisher
from streamer.bus.subscriber import Subscriber
from streamer.client import Latest, Result
from streamer.errors import StreamerError
from tests.fakes import result
from tests.waiting import wait

START_NS = 1_000_000_000_000


class Clock:
    now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


def test_the_subscriber_gives_the_newest_until_it_is_too_old():
    clock = Clock()
    publisher = Publisher("tcp://127.0.0.1:0")
    with Subscriber(publisher.endpoint, "fake", wall_ns=clock) as subscriber:
        assert subscriber.read_latest(1.0) is None

        def publish_again() -> bool:
            publisher.write(sent)
            clock.now_ns = sent.frame.wall_ns
            return subscriber.read_latest(1.0) is not None

        sent = result(4)
        wait(publish_again)
        assert subscriber.read_latest(0.2).index == 4
        assert subscriber.read_latest(0.2).index == 4  # as often as it is asked for
        clock.now_ns = sent.frame.wall_ns + 199_000_000
        assert subscriber.read_latest(0.2).index == 4
        clock.now_ns = sent.frame.wall_ns + 201_000_000
        assert subscriber.read_latest(0.2) is None
        clock.now_ns = sent.frame.wall_ns - 60_000_000
        assert subscriber.read_latest(0.2) is None  # the publisher's clock is ahead
    publisher.close()


def http_result(index: int, wall_ns: int) -> Result:
    return Result({"index": index, "wall_ns": wall_ns}, {1: np.ones((2, 2), np.bool_)}, b"")


def test_the_client_gives_the_newest_and_says_that_the_stream_has_ended():
    clock = Clock()
    gate: list[str] = []

    def results() -> Iterator[Result]:
        yield http_result(1, START_NS)
        yield http_result(2, START_NS + 10)
        wait(lambda: bool(gate))
        raise StreamerError("the camera was removed")

    with Latest(results(), wall_ns=clock) as latest:
        wait(lambda: latest.read_latest(1.0) is not None and latest.read_latest(1.0).index == 2)
        clock.now_ns = START_NS + 300_000_000
        assert latest.read_latest(0.2) is None
        assert latest.read_latest(0.4).index == 2
        gate.append("end")
        wait(lambda: latest._error is not None)
        with pytest.raises(StreamerError, match="the camera was removed"):
            latest.read_latest(1.0)
