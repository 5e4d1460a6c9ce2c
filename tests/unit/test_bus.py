import contextlib
import threading
import time
from dataclasses import replace

import pytest
import zmq

from streamer.bus.command_client import CommandClient
from streamer.bus.command_server import CommandServer
from streamer.bus.publisher import Publisher
from streamer.bus.requests import pack_status_request, unpack_reply
from streamer.bus.subscriber import NothingFresh, Subscriber, _why
from streamer.channel import Channel
from streamer.errors import CommandError, SinkError, StreamerError, UsageError
from streamer.pipeline.pipeline import Pipeline
from streamer.service.control import controlled
from streamer.types import Ack, Pause, Prompt, Remove, Request, Reset
from tests.fakes import FakeSource, FakeTracker, result

PATIENCE_S = 5.0


@pytest.fixture
def publisher():
    made = Publisher("tcp://127.0.0.1:*")
    yield made
    made.close()


def publish_until(publisher, subscriber, results):
    """Publish until the subscription has arrived, as a camera does."""
    for given in results:
        publisher.write(given)
        try:
            return subscriber.receive(0.02)
        except NothingFresh:
            continue
    raise AssertionError("no message came")


def endless(**options):
    return (result(index, **options) for index in range(200))


def test_a_subscriber_gets_the_masks(publisher):
    with Subscriber(publisher.endpoint, "fake") as subscriber:
        message = publish_until(publisher, subscriber, endless())
    assert message.topic == "fake/masks"
    assert message.objects[0].mask().sum() == result().tracks[0].mask.sum()


def test_a_subscriber_that_knows_no_name_takes_the_first_it_hears(publisher):
    with Subscriber(publisher.endpoint) as subscriber:
        publish_until(publisher, subscriber, endless())
        assert publish_until(publisher, subscriber, endless()).source == "fake"


@pytest.mark.parametrize("topic", ["frames", "overlay"])
def test_pictures_are_published_where_somebody_asks_for_them(publisher, topic):
    with Subscriber(publisher.endpoint, "fake", topic) as subscriber:
        message = publish_until(publisher, subscriber, endless())
    assert message.jpeg[:2] == b"\xff\xd8"


def test_the_models_masks_are_a_topic_of_their_own_without_objects_that_it_did_not_look_for(publisher):
    older = replace(result().tracks[0], object_id=2, age=4)
    with Subscriber(publisher.endpoint, "fake", "masks-model") as subscriber:
        for index in range(200):
            outcome = result(index)
            publisher.write(outcome)
            publisher.write_model(replace(outcome, tracks=(*outcome.tracks, older)))
            with contextlib.suppress(NothingFresh):
                message = subscriber.receive(0.02)
                break
    assert message.topic == "fake/masks-model"
    assert [(each.object_id, each.age) for each in message.objects] == [(1, 0)]


def test_a_topic_nobody_asked_for_is_not_made(publisher, monkeypatch):
    monkeypatch.setattr("streamer.bus.publisher._jpeg", lambda *_: pytest.fail("a picture was encoded"))
    with Subscriber(publisher.endpoint, "fake", "masks-png") as subscriber:
        assert publish_until(publisher, subscriber, endless()).objects[0].codec == "png"


def test_a_stale_message_is_refused_and_said(publisher):
    later = time.time_ns() + 10_000_000_000
    with Subscriber(publisher.endpoint, "fake", max_age_ms=500, wall_ns=lambda: later) as subscriber:
        with pytest.raises(AssertionError):
            publish_until(publisher, subscriber, (result(i) for i in range(20)))
        assert subscriber.refused > 0


def test_a_clock_that_is_ahead_is_said_and_does_not_make_old_messages_fresh(publisher, caplog):
    clock = [-5.0]  # seconds by which this machine's clock is wrong

    def wall_ns():
        return time.time_ns() + int(clock[0] * 1e9)

    with Subscriber(publisher.endpoint, "fake", max_age_ms=500, wall_ns=wall_ns) as subscriber:
        publish_until(publisher, subscriber, endless())
        assert 4900 < subscriber.ahead_ms < 5100
        assert "the publisher's clock is 5.0 s ahead of this machine's" in caplog.text
        clock[0] = -4.0  # a second later nothing has changed but the time: what comes now is a second old
        with pytest.raises(NothingFresh):
            publisher.write(result(index=9))
            subscriber.receive(0.3)


def test_a_clock_that_is_behind_is_named_where_every_message_is_equally_old():
    assert _why([5001.0, 5003.0, 4999.0]).endswith(
        "all are equally old, so the publisher's clock may be 5.0 s behind this machine's: synchronise the clocks (NTP)"
    )
    assert "clock" not in _why([600.0, 2000.0, 9000.0])
    assert _why([]) == "none came"


def test_lost_messages_are_counted(publisher):
    with Subscriber(publisher.endpoint, "fake") as subscriber:
        first = publish_until(publisher, subscriber, endless())
        for index in range(5):
            publisher.write(result(1000 + index))
        deadline = time.monotonic() + PATIENCE_S
        message = first
        while message.index != 1004 and time.monotonic() < deadline:
            message = subscriber.receive(PATIENCE_S)
        assert subscriber.lost + 1 >= message.sequence - first.sequence - 4
        assert message.index == 1004


def test_drops_travel_as_the_number_since_the_last_message(publisher):
    with Subscriber(publisher.endpoint, "fake") as subscriber:
        publish_until(publisher, subscriber, endless(dropped=5))
        assert publish_until(publisher, subscriber, [result(0, dropped=9)] * 1).header["dropped"] == 4


def test_a_port_in_use_is_one_clear_line(publisher):
    with pytest.raises(SinkError, match=r"cannot listen on .*another streamer"):
        Publisher(publisher.endpoint)
    with pytest.raises(SinkError, match="cannot listen on"):
        CommandServer(publisher.endpoint)


@pytest.mark.parametrize("endpoint", ["tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://192.168.1.5:1", "5555", "udp://x"])
def test_nothing_listens_beyond_this_machine(endpoint):
    with pytest.raises(UsageError):
        Publisher(endpoint)
    with pytest.raises(UsageError):
        CommandServer(endpoint)


class Server:
    """A command server whose requests the test answers itself."""

    def __init__(self, answer=lambda request: Ack(index=3, epoch=1)):
        self.server = CommandServer("tcp://127.0.0.1:*")
        self.commands: Channel[Request] = Channel(8)
        self.stop: Channel[None] = Channel(1)
        self.requests: list[Request] = []
        serve = threading.Thread(target=self.server.serve, args=(self.commands, lambda: {"fps": 3}, self.stop))
        self.threads = [serve, threading.Thread(target=self.take, args=(answer,))]
        for thread in self.threads:
            thread.start()

    def take(self, answer):
        for request in self.commands:
            self.requests.append(request)
            request.reply(answer(request))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.commands.close()
        self.stop.close()
        for thread in self.threads:
            thread.join()


def test_an_acknowledgement_names_frame_and_epoch():
    with Server() as server, CommandClient(server.server.endpoint) as client:
        assert client.send(Prompt(1, box=(1, 2, 3, 4)), Remove(2)) == Ack(index=3, epoch=1)
        assert [type(c) for c in server.requests[0].commands] == [Prompt, Remove]
        assert client.status() == {"fps": 3}


def test_a_refusal_comes_back_as_an_error():
    with (
        Server(lambda _: Ack(error="object 9 is not tracked")) as server,
        CommandClient(server.server.endpoint) as client,
        pytest.raises(CommandError, match="object 9"),
    ):
        client.send(Remove(9))


def test_who_asks_too_often_is_refused_and_others_are_not():
    with Server() as server, CommandClient(server.server.endpoint) as honest:
        context = zmq.Context()
        greedy = context.socket(zmq.DEALER)
        greedy.connect(server.server.endpoint)
        for _ in range(180):
            greedy.send_multipart([b"", pack_status_request()])
        answers = []
        while len(answers) < 180 and greedy.poll(5000):
            answers.append(unpack_reply(greedy.recv_multipart()[1]))
        refused = [answer["error"] for answer in answers if not answer["ok"]]
        assert 20 <= len(refused) <= 80  # a burst of 100, and 50 more a second meanwhile
        assert "more than 50 requests a second" in refused[0]
        assert honest.status() == {"fps": 3}
        greedy.close(0)
        context.term()


def test_garbage_is_answered_and_the_server_goes_on():
    with Server() as server:
        context = zmq.Context()
        socket = context.socket(zmq.REQ)
        socket.connect(server.server.endpoint)
        for garbage in (b"", b"\xc1\xff", b"x" * 100_000):
            socket.send(garbage)
            assert socket.poll(5000)
            assert b"error" in socket.recv()
        socket.close(0)
        context.term()
        with CommandClient(server.server.endpoint) as client:
            assert client.send(Reset()).index == 3


def test_no_server_is_an_error_that_says_what_to_start():
    with CommandClient("tcp://127.0.0.1:9", timeout_s=0.1) as client, pytest.raises(StreamerError, match="--control"):
        client.send(Reset())


def test_commands_reach_a_running_pipeline():
    tracker = FakeTracker()
    pipeline = Pipeline(FakeSource(10**9, live=True), tracker, {})
    runner = threading.Thread(target=pipeline.run)
    with controlled(pipeline, "tcp://127.0.0.1:*") as endpoint:
        runner.start()
        with CommandClient(endpoint) as client:
            ack = client.send(Prompt(4, box=(1, 1, 9, 9)))
            assert tracker.ids == [4]
            assert client.send(Remove(4)).index > ack.index
            with pytest.raises(CommandError, match="not tracked"):
                client.send(Remove(4))
            client.send(Pause())
            assert client.status()["paused"] is True
        pipeline.stop()
        runner.join()
