"""Events over MQTT, through a real broker that goes away and comes back."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from streamer.sinks import open_sink
from streamer.soak.site import free_port, listens
from tests.requirements import package, program, require
from tests.unit.test_journal import event, quick
from tests.waiting import wait

pytestmark = pytest.mark.timeout(60)
BROKER = program("mosquitto")


class Broker:
    def __init__(self, folder) -> None:
        self.port = free_port()
        self.settings = folder / "mosquitto.conf"
        self.settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        words = [BROKER, "-c", str(self.settings)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: listens(self.port))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def broker(tmp_path):
    require("mqtt", BROKER, "apt-get install mosquitto")
    require("mqtt", package("paho"), "pip install 'streamer[mqtt]'")
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def hear():
    """Subscribes, and gives the list that what comes is put into."""
    clients = []

    def subscribe(port: int, topic: str = "yard/events") -> list[dict]:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        got: list[dict] = []
        client = Client(CallbackAPIVersion.VERSION2)
        ready: list[bool] = []
        client.on_subscribe = lambda *_: ready.append(True)
        client.on_message = lambda _client, _data, message: got.append(
            {**json.loads(message.payload), "topic": message.topic}
        )
        client.connect("127.0.0.1", port)
        client.subscribe(topic, qos=1)
        client.loop_start()
        clients.append(client)
        wait(lambda: bool(ready))
        return got

    yield subscribe
    for client in clients:
        client.disconnect()
        client.loop_stop()


def test_every_event_arrives_also_those_of_the_time_without_a_broker(broker, hear, tmp_path, monkeypatch):
    quick(monkeypatch, 0.1)
    monkeypatch.setattr("streamer.events.receivers.TIMEOUT_S", 0.2)
    got = hear(broker.port)
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?mqtt=mqtt://127.0.0.1:{broker.port}/yard/events")
    sink.notify(event(0))
    wait(lambda: [entry["index"] for entry in got] == [0])
    broker.stop()
    for index in (1, 2):
        sink.notify(event(index))
    time.sleep(4.0)  # some 13 attempts
    broker.start()
    later = hear(broker.port)
    wait(lambda: {entry["index"] for entry in (*got, *later)} == {0, 1, 2}, 30)
    time.sleep(1.0)
    sink.close()
    assert [entry["index"] for entry in later].count(1) <= 2
    assert [entry["index"] for entry in later].count(2) <= 2


def test_home_assistant_is_told_of_a_source_before_its_first_event(broker, hear, tmp_path):
    address = f"mqtt://127.0.0.1:{broker.port}/yard/events&mqtt_discovery=homeassistant"
    got = hear(broker.port, "yard/events/cam")
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?mqtt={address}")
    sink.notify(event(0))
    sink.notify(event(1))
    wait(lambda: [entry["index"] for entry in got] == [0, 1])
    sink.close()
    announced = hear(broker.port, "homeassistant/#")  # kept by the broker for whoever comes later
    wait(lambda: bool(announced))
    (config,) = announced
    assert config["topic"] == "homeassistant/event/streamer_cam/config"
    assert config["state_topic"] == "yard/events/cam"
    assert got[0]["event"] in config["event_types"]
