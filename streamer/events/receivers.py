"""Receivers of events: a webhook and an MQTT broker."""

from __future__ import annotations

import json
import re
import threading
from typing import Any
from urllib.parse import unquote, urlunsplit

import httpx

from streamer.config.settings import EventSettings
from streamer.errors import UsageError
from streamer.events.delivery import DeliveryError, EventReceiver
from streamer.events.home_assistant import announcement
from streamer.uris import parts_of, redact

TIMEOUT_S = 5.0
TRANSIENT = (408, 425, 429)  # of the 4xx: the same event may be accepted later
MQTT_PORT, MQTTS_PORT = 1883, 8883


def receivers_of(settings: EventSettings) -> list[EventReceiver]:
    """The receivers that the settings name; raises UsageError."""
    receivers: list[EventReceiver] = []
    if settings.webhook is not None:
        receivers.append(Webhook(settings.webhook))
    if settings.mqtt is not None:
        receivers.append(Mqtt(settings.mqtt, settings.mqtt_discovery))
    return receivers


class Webhook:
    """Each event as a POST of JSON, with its number in `X-Event-Id`; any 2xx answer means delivered.

    Redirects are not followed: the login and the event go to the configured address only.
    """

    def __init__(self, url: str) -> None:
        if parts_of(url).scheme not in ("http", "https"):
            raise UsageError(f"webhook {redact(url)!r:.200}: give an http:// or https:// address")
        self.name = redact(url)
        self._url, user, password = without_login(url)
        if not has_host(self._url):
            raise UsageError(f"webhook {redact(url)!r:.200}: no such host is possible; give http://HOST/PATH")
        self._client = httpx.Client(
            auth=(user, password) if user else None, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
        )

    def deliver(self, number: int, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "X-Event-Id": str(number)}
        try:
            status, location = self._post(body, headers)
        except httpx.HTTPError as error:
            raise DeliveryError(redact(str(error)) or type(error).__name__) from error
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            to = f" to {redact(location)}" if location else ""
            raise DeliveryError(f"the server redirects{to} ({status}); set the webhook to the new address")
        rejected = 400 <= status < 500 and status not in TRANSIENT
        raise DeliveryError(f"the server answers {status} {httpx.codes.get_reason_phrase(status)}", rejected=rejected)

    def close(self) -> None:
        self._client.close()

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
            return answer.status_code, answer.headers.get("Location", "")


class Mqtt:
    """Each event as a JSON message of quality of service 1 on `mqtt://HOST:PORT/TOPIC` (`mqtts://` over TLS).

    At most one message is under way: one that the broker has not acknowledged is waited for, not published again.
    With a `discovery` prefix the events of each source go to TOPIC/SOURCE, and Home Assistant is told of it first.
    """

    def __init__(self, url: str, discovery: str | None = None) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UsageError("MQTT is not installed; install it with: pip install 'streamer[mqtt]'") from None
        parts = parts_of(url)
        self._topic = parts.path.strip("/")
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not self._topic:
            raise UsageError(f"mqtt {redact(url)!r:.200}: give mqtt://HOST:PORT/TOPIC")
        self.name = redact(url)
        self._discovery = discovery
        self._announced: set[str] = set()  # sources that Home Assistant was told of
        self._client: Any = Client(CallbackAPIVersion.VERSION2)
        self._connected = threading.Event()
        self._client.on_connect = lambda _client, _data, _flags, reason, _props: self._set_connected(reason)
        self._client.on_disconnect = lambda *_: self._connected.clear()
        _, user, password = without_login(url)
        if user:
            self._client.username_pw_set(user, password)
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._address = parts.hostname, parts.port or (MQTTS_PORT if parts.scheme == "mqtts" else MQTT_PORT)
        self._refusal = ""
        self._running = False
        self._under_way: tuple[int, Any] | None = None  # the number of an event, and paho's record of it

    def deliver(self, number: int, body: bytes) -> None:
        self._connect()
        if self._under_way is None or self._under_way[0] != number:
            self._under_way = number, self._client.publish(self._topic_of(body), body, qos=1)
        _, message = self._under_way
        try:
            message.wait_for_publish(TIMEOUT_S)
        except (RuntimeError, ValueError) as error:
            self._under_way = None
            raise DeliveryError(str(error)) from error
        if not message.is_published():
            raise DeliveryError("the broker did not acknowledge it")
        self._under_way = None

    def _topic_of(self, body: bytes) -> str:
        """Where an event goes; with discovery after its source was announced, in a message that the broker keeps."""
        if self._discovery is None:
            return self._topic
        source = str(json.loads(body)["source"])
        topic = f"{self._topic}/{re.sub('[/+#]', '_', source)}"  # which divide topics, or are wildcards
        if source not in self._announced:
            self._client.publish(*announcement(self._discovery, source, topic), qos=1, retain=True)
            self._announced.add(source)
        return topic

    def close(self) -> None:
        if self._running:
            self._client.disconnect()
            self._client.loop_stop()

    def _connect(self) -> None:
        """Raises DeliveryError without a connection: paho would queue each attempt, and send all of them later."""
        if not self._running:
            try:
                self._client.connect(*self._address)
            except OSError as error:
                raise DeliveryError(str(error)) from error
            self._client.loop_start()  # it reconnects by itself from then on
            self._running = True
        if not self._connected.wait(TIMEOUT_S):
            raise DeliveryError(self._refusal or "no connection to the broker")

    def _set_connected(self, reason: Any) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refuses the connection: {reason}"
        else:
            self._connected.set()


def has_host(url: str) -> bool:
    """Whether a web address names a host that can be looked up."""
    try:
        return bool(httpx.URL(url).host.encode("idna"))
    except (httpx.InvalidURL, UnicodeError):
        return False


def without_login(url: str) -> tuple[str, str, str]:
    """The address without its user and password, and these."""
    parts = parts_of(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, unquote(parts.username or ""), unquote(parts.password or "")
