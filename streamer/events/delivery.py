"""Events on their way to a receiver: in their order, again until they are taken, also after a restart."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlunsplit

from streamer.channel import Channel, Closed
from streamer.errors import SinkError, UsageError
from streamer.events.journal import Journal
from streamer.uris import parts_of, redact

log = logging.getLogger(__name__)
WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TIMEOUT_S = 5.0
CLOSING_S = 0.5  # for an event that is under way
LOOK_EVERY_S = 5.0  # for events of another process in the same journal
MQTT_PORT, MQTTS_PORT = 1883, 8883


class Receiver(Protocol):
    """Where events go."""

    name: str  # as it may be shown

    def take(self, number: int, body: bytes) -> None:
        """Returns when it has the event; raises OSError or HTTPException where it has not."""

    def close(self) -> None: ...


class EventDelivery:
    """A thread that hands a journal's events to a receiver, which may see one twice: its `id` is the same then."""

    def __init__(self, path: Path, receiver: Receiver) -> None:
        self._path, self._receiver = path, receiver
        with contextlib.closing(Journal(path)) as journal:
            journal.delivered(receiver.name)  # what comes from now on is for it
        self._news: Channel[None] = Channel(1, lossy=True)
        self.wake()  # for what an earlier run left
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._news.put(None)

    def close(self) -> None:
        """What is not delivered yet stays for the next run."""
        self._news.abort()
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        attempt = 0
        try:
            with contextlib.closing(Journal(self._path)) as journal, contextlib.closing(self._receiver):
                while True:
                    with contextlib.suppress(TimeoutError):
                        self._news.get(LOOK_EVERY_S)
                    while not self._deliver(journal):
                        self._pause(WAITS_S[min(attempt, len(WAITS_S) - 1)])
                        attempt += 1
                    attempt = 0
        except Closed:
            pass
        except SinkError as error:
            log.warning("%s: %s", self._receiver.name, error)

    def _pause(self, seconds: float) -> None:
        """Wait, whatever news there is; raises Closed."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                self._news.get(left_s)

    def _deliver(self, journal: Journal) -> bool:
        """Whether everything has been taken."""
        last = journal.delivered(self._receiver.name)
        while waiting := journal.after(last):
            for number, fields in waiting:
                if self._news.closed:
                    raise Closed
                try:
                    self._receiver.take(number, json.dumps(fields | {"id": number}).encode())
                except (OSError, http.client.HTTPException) as error:
                    why = redact(str(error)) or type(error).__name__
                    log.warning("%s: %s; event %d is kept and sent again", self._receiver.name, why, number)
                    return False
                journal.mark(self._receiver.name, last := number)
        return True


class Webhook:
    """Each event as a POST of JSON, with its number in `X-Event-Id`; taken with any answer of 2xx."""

    def __init__(self, url: str) -> None:
        if parts_of(url).scheme not in ("http", "https"):
            raise UsageError(f"webhook {redact(url)!r}: give an http:// or https:// address")
        self.name = redact(url)
        self._url, user, password = without_login(url)
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"} if user else {}

    def take(self, number: int, body: bytes) -> None:
        headers = self._headers | {"Content-Type": "application/json", "X-Event-Id": str(number)}
        with urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=TIMEOUT_S):
            pass

    def close(self) -> None:
        pass


class Mqtt:
    """Each event as a JSON message of quality of service 1 on `mqtt://HOST:PORT/TOPIC` (`mqtts://` over TLS)."""

    def __init__(self, url: str) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UsageError("MQTT is not installed; install it with: pip install 'streamer[mqtt]'") from None
        parts = parts_of(url)
        self._topic = parts.path.strip("/")
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not self._topic:
            raise UsageError(f"mqtt {redact(url)!r}: give mqtt://HOST:PORT/TOPIC")
        self.name = redact(url)
        self._client: Any = Client(CallbackAPIVersion.VERSION2)
        _, user, password = without_login(url)
        if user:
            self._client.username_pw_set(user, password)
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._address = parts.hostname, parts.port or (MQTTS_PORT if parts.scheme == "mqtts" else MQTT_PORT)
        self._running = False

    def take(self, number: int, body: bytes) -> None:  # noqa: ARG002 - MQTT has the number in the body
        if not self._running:
            self._client.connect(*self._address)
            self._client.loop_start()  # it connects again by itself from then on
            self._running = True
        sent = self._client.publish(self._topic, body, qos=1)
        try:
            sent.wait_for_publish(TIMEOUT_S)
        except (RuntimeError, ValueError) as error:
            raise OSError(str(error)) from error
        if not sent.is_published():
            raise OSError("the broker did not acknowledge it")

    def close(self) -> None:
        if self._running:
            self._client.disconnect()
            self._client.loop_stop()


def without_login(url: str) -> tuple[str, str, str]:
    """The address without its user and password, and these."""
    parts = parts_of(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, unquote(parts.username or ""), unquote(parts.password or "")
