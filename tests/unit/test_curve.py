"""Connections with keys: who has none, a wrong one or another's gets nothing, and is told where the server can tell."""

import os
import stat
import threading

import pytest
import zmq

from streamer.bus.command_client import CommandClient
from streamer.bus.command_server import CommandServer
from streamer.bus.curve import ClientKeys, KeyPair, client_keys, create, read_pair, read_public, server_keys
from streamer.bus.publisher import Publisher
from streamer.bus.subscriber import NothingFresh, Subscriber
from streamer.channel import Channel
from streamer.errors import StreamerError, UsageError
from streamer.types import Ack, Request, Reset
from tests.fakes import result


@pytest.fixture
def home(tmp_path):
    """A server that lets `robot` in and not `stranger`."""
    for name in ("server", "robot", "stranger"):
        create(tmp_path / name)
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "robot.key").write_bytes((tmp_path / "robot.key").read_bytes())
    return tmp_path


@pytest.fixture
def keys(home):
    return server_keys(home / "server.secret", home / "clients")


def of(home, name) -> ClientKeys:
    return client_keys(home / f"{name}.secret", home / "server.key")


def hears(publisher, keys: ClientKeys | None) -> bool:
    """Whether a subscriber with these keys gets any of many messages."""
    with Subscriber(publisher.endpoint, "fake", keys=keys) as subscriber:
        for index in range(60):
            publisher.write(result(index))
            try:
                subscriber.receive(0.02)
            except NothingFresh:
                continue
            return True
    return False


def test_only_who_is_allowed_hears_anything(home, keys):
    other = zmq.curve_keypair()
    publisher = Publisher("tcp://0.0.0.0:*", keys=keys)
    publisher.endpoint = publisher.endpoint.replace("0.0.0.0", "127.0.0.1")
    try:
        assert hears(publisher, of(home, "robot"))
        assert not hears(publisher, None)
        assert not hears(publisher, of(home, "stranger"))
        assert not hears(publisher, ClientKeys(of(home, "robot").own, other[0]))
        (home / "clients" / "stranger.key").write_bytes((home / "stranger.key").read_bytes())
        assert hears(publisher, of(home, "stranger"))
        (home / "clients" / "robot.key").write_bytes(b"short")
        assert not hears(publisher, of(home, "robot"))
    finally:
        publisher.close()


def test_commands_are_taken_from_who_is_allowed_alone(home, keys):
    server = CommandServer("tcp://127.0.0.1:*", keys=keys)
    commands: Channel[Request] = Channel(8)
    stop: Channel[None] = Channel(1)
    serving = threading.Thread(target=server.serve, args=(commands, dict, stop))
    taking = threading.Thread(target=lambda: [request.reply(Ack(index=1, epoch=0)) for request in commands])
    serving.start()
    taking.start()
    try:
        with CommandClient(server.endpoint, keys=of(home, "robot")) as client:
            assert client.send(Reset()).index == 1
        for wrong in (None, of(home, "stranger")):
            client = CommandClient(server.endpoint, keys=wrong, timeout_s=0.5)
            with client, pytest.raises(StreamerError, match="are the keys right"):
                client.send(Reset())
    finally:
        commands.close()
        stop.close()
        serving.join()
        taking.join()


def test_nothing_is_bound_beyond_this_machine_without_keys():
    for kind in (Publisher, CommandServer):
        with pytest.raises(UsageError, match="streamer keys new"):
            kind("tcp://0.0.0.0:*")


def test_a_secret_is_its_owners_alone_and_is_not_shown(home):
    secret = home / "robot.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    pair = read_pair(secret)
    assert pair.public == read_public(home / "robot.key")
    assert pair.secret.decode() not in repr(pair) + repr(KeyPair(b"p", pair.secret))
    os.chmod(secret, 0o644)  # noqa: PTH101
    with pytest.raises(UsageError, match="chmod 600"):
        read_pair(secret)


def test_what_is_no_key_is_named(home, tmp_path):
    with pytest.raises(UsageError, match="is there already"):
        create(home / "robot")
    with pytest.raises(UsageError, match=r"nobody\.key: cannot be read"):
        read_public(tmp_path / "nobody.key")
    for content in (b"", b"short", b"\xff" * 40, b"a" * 41):
        (tmp_path / "bad.key").write_bytes(content)
        with pytest.raises(UsageError, match=r"bad\.key: holds no key"):
            read_public(tmp_path / "bad.key")
    with pytest.raises(UsageError, match="no such folder"):
        server_keys(home / "server.secret", tmp_path / "nowhere")
    (home / "clients" / "bad.key").write_bytes(b"short")
    with pytest.raises(UsageError, match=r"bad\.key: holds no key"):
        server_keys(home / "server.secret", home / "clients")
