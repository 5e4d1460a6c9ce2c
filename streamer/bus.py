"""ZeroMQ: the publisher of results, their subscriber, and both ends of the command socket. The only home of zmq."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import cv2
import zmq
from zmq.auth.thread import ThreadAuthenticator

from streamer.channel import Channel, Closed
from streamer.errors import CommandError, SinkError, StreamerError, UsageError, WireError
from streamer.events import Event
from streamer.keys import ClientKeys, ServerKeys
from streamer.masks import CODECS, Codec, overlay
from streamer.types import Ack, Command, Request, TrackResult
from streamer.uris import host_of, is_loopback
from streamer.wire import (
    MAX_COMMAND,
    Message,
    header_of,
    pack_ack,
    pack_event,
    pack_masks,
    pack_picture,
    pack_request,
    pack_status,
    pack_status_request,
    unpack,
    unpack_reply,
    unpack_request,
)

JPEG_QUALITY = 80
SEND_HIGH_WATER = 8  # messages kept for a slow subscriber: a burst fits, and it reads the newest one anyway
POLL_MS = 10  # how late an acknowledgement may be noticed
IDLE_POLL_MS = 100
DOMAIN = "streamer"  # of authentication
RATE, BURST = 100.0, 200.0  # requests a second that are looked at, and how many at once; a person sends ten
UNANSWERED_S = 10.0  # a request that no frame has answered for so long gets an interim answer

PICTURES: dict[str, Literal["plain", "drawn"]] = {"frames": "plain", "overlay": "drawn"}
MASKS: dict[str, Codec | None] = {"masks": None} | {f"masks-{codec}": codec for codec in CODECS}


def check_endpoint(endpoint: str, keys: ServerKeys | None = None) -> str:
    """The endpoint, if it may be bound; raises UsageError for one that others could reach without keys."""
    if endpoint.startswith(("ipc://", "inproc://")):
        return endpoint
    if not endpoint.startswith("tcp://"):
        raise UsageError(f"endpoint {endpoint!r}: use tcp://127.0.0.1:PORT or ipc://PATH")
    if keys is None and not is_loopback(host_of(endpoint)):
        raise UsageError(
            f"endpoint {endpoint}: only this machine may connect (127.0.0.1 or ipc://) as long as there are no keys; "
            "make some with `streamer keys new` and give --keys and --clients"
        )
    return endpoint


class _Guard:
    """Lets only known keys through to the sockets of one context. Without it a CURVE server takes every client."""

    def __init__(self, context: zmq.Context[Any], keys: ServerKeys) -> None:
        self._keys = keys
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(DOMAIN, credentials_provider=self)

    def callback(self, _domain: str, public: bytes) -> bool:
        """Called by pyzmq for each connection, with the key in Z85."""
        return self._keys.allows(public)

    def lock(self, socket: zmq.Socket[bytes]) -> None:
        socket.curve_server = True
        socket.curve_secretkey = self._keys.own.secret
        socket.curve_publickey = self._keys.own.public
        socket.zap_domain = DOMAIN.encode()

    def stop(self) -> None:
        self._authenticator.stop()


def _unlock(socket: zmq.Socket[bytes], keys: ClientKeys | None) -> None:
    if keys is not None:
        socket.curve_serverkey = keys.server
        socket.curve_publickey, socket.curve_secretkey = keys.own.public, keys.own.secret


class _Server:
    """A bound socket with a context of its own; with keys, only for those who are allowed in."""

    def __init__(self, kind: int, endpoint: str, keys: ServerKeys | None, options: Mapping[int, int]) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._guard = None if keys is None else _Guard(self._context, keys)
        self.socket: zmq.Socket[bytes] = self._context.socket(kind)
        self.socket.setsockopt(zmq.LINGER, 200)
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        if self._guard is not None:
            self._guard.lock(self.socket)
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            hint = "is another streamer running? Choose another port" if error.errno == zmq.EADDRINUSE else "check it"
            raise SinkError(f"cannot listen on {endpoint}: {error.strerror}; {hint}") from error
        self.endpoint = self.socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def close(self) -> None:
        if self.socket.closed:
            return
        self.socket.close()
        if self._guard is not None:
            self._guard.stop()
        self._context.term()


def _connect(context: zmq.Context[Any], socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Connect; where the endpoint is none, socket and context are closed and UsageError is raised."""
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        context.term()
        raise UsageError(f"endpoint {endpoint!r}: {error.strerror}; use tcp://HOST:PORT or ipc://PATH") from error


class Publisher:
    """A sink that publishes results. Topics, each `<source>/NAME`: `masks` (in the codec given here), `masks-<codec>`,
    `frames` (JPEG), `overlay` (JPEG with the masks drawn) and `events`; only what somebody subscribed to is sent.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        codec: Codec = "rle",
        keys: ServerKeys | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        check_endpoint(endpoint, keys)
        self._server = _Server(zmq.XPUB, endpoint, keys, {zmq.SNDHWM: SEND_HIGH_WATER})
        self._socket = self._server.socket
        self.endpoint = self._server.endpoint
        self._codec = codec
        self._clock_ns = clock_ns
        self._wanted: set[bytes] = set()
        self._sequence: dict[str, int] = {}
        self._dropped: dict[str, int] = {}

    def write(self, result: TrackResult) -> None:
        self._read_subscriptions()
        for name, codec in MASKS.items():
            topic = f"{result.frame.source}/{name}"
            if self._is_wanted(topic, by_prefix=name == "masks"):
                self._send(pack_masks(topic, result, codec or self._codec, self._header(topic, result)))
        for name, kind in PICTURES.items():
            topic = f"{result.frame.source}/{name}"
            if self._is_wanted(topic, by_prefix=False):
                self._send(pack_picture(topic, _jpeg(result, kind), self._header(topic, result)))

    def notify(self, event: Event) -> None:
        self._read_subscriptions()
        topic = f"{event.source}/events"
        if self._is_wanted(topic, by_prefix=False):
            self._sequence[topic] = self._sequence.get(topic, 0) + 1
            self._send(pack_event(topic, event, self._sequence[topic]))

    def close(self) -> None:
        self._server.close()

    def _send(self, frame: bytes) -> None:
        self._socket.send(frame, copy=False)

    def _read_subscriptions(self) -> None:
        while self._socket.poll(0):
            event = self._socket.recv()
            (self._wanted.add if event[:1] == b"\1" else self._wanted.discard)(event[1:])

    def _is_wanted(self, topic: str, *, by_prefix: bool) -> bool:
        """A subscription names a topic with its NUL; a mere prefix asks for masks only, not for every kind there is."""
        exact = topic.encode() + b"\0"
        return exact in self._wanted or (by_prefix and any(topic.encode().startswith(p) for p in self._wanted))

    def _header(self, topic: str, result: TrackResult) -> dict[str, Any]:
        self._sequence[topic] = self._sequence.get(topic, 0) + 1
        dropped = result.dropped - self._dropped.get(topic, 0)
        self._dropped[topic] = result.dropped
        return header_of(result, sequence=self._sequence[topic], dropped=dropped, published_ns=self._clock_ns())


def _jpeg(result: TrackResult, kind: Literal["plain", "drawn"]) -> bytes:
    image = result.frame.image if kind == "plain" else overlay(result.frame.image, result.tracks)
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class NothingFresh(StreamerError):  # noqa: N818 - a condition
    """No message came that was young enough."""


class Subscriber:
    """Keeps only the newest message of one topic. Use it in the thread that made it.

    `refused` counts the messages older than `max_age_ms`, `lost` those that newer ones replaced before they were read.
    """

    def __init__(
        self,
        endpoint: str,
        source: str | None = None,
        topic: str = "masks",
        *,
        max_age_ms: float | None = None,
        keys: ClientKeys | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.refused = 0
        self.lost = 0
        self._endpoint = endpoint
        self._max_age_ms = max_age_ms
        self._keys = keys
        self._wall_ns = wall_ns
        self._topic = topic
        self._last_sequence: int | None = None
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._connect(f"{source}/{topic}\0".encode() if source else b"")
        self._named = source is not None

    def _connect(self, subscription: bytes) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SUBSCRIBE, subscription)
        _unlock(socket, self._keys)
        _connect(self._context, socket, self._endpoint)
        return socket

    def receive(self, timeout_s: float) -> Message:
        """The newest message that is young enough; raises NothingFresh after `timeout_s`, WireError for garbage."""
        deadline = time.monotonic() + timeout_s
        stale: list[float] = []
        while (left_s := deadline - time.monotonic()) > 0:
            if not self._socket.poll(int(left_s * 1000) + 1):
                break
            message = unpack(self._socket.recv())
            if not self._named:
                self._name(message)
                if self._topic != "masks":
                    continue
            self._count(message)
            age_ms = message.age_ms(self._wall_ns())
            if self._max_age_ms is None or age_ms <= self._max_age_ms:
                return message
            self.refused += 1
            stale.append(age_ms)
        why = f"{len(stale)} were refused, the last {stale[-1]:.0f} ms old" if stale else "none came"
        raise NothingFresh(f"{self._endpoint}: no fresh message within {timeout_s:g} s: {why}")

    def _name(self, message: Message) -> None:
        """Having heard of a source, listen to that one topic: only so is the newest message kept of each."""
        old, self._socket = self._socket, self._connect(f"{message.source}/{self._topic}\0".encode())
        old.close()
        self._named = True

    def _count(self, message: Message) -> None:
        sequence = message.sequence
        if self._last_sequence is not None and sequence > self._last_sequence:
            self.lost += sequence - self._last_sequence - 1
        self._last_sequence = sequence

    def close(self) -> None:
        if not self._socket.closed:
            self._socket.close()
            self._context.term()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Allowance:
    """So much a second on average, so much at once; who is over it waits. Time is in seconds."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at_s = burst, 0.0

    def take(self, now_s: float) -> bool:
        """One more, if there is one left."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class CommandServer:
    """Takes requests for one pipeline and answers each when a frame has taken them. `serve` runs in one thread."""

    def __init__(self, endpoint: str, *, keys: ServerKeys | None = None) -> None:
        check_endpoint(endpoint, keys)
        self._server = _Server(zmq.ROUTER, endpoint, keys, {zmq.MAXMSGSIZE: MAX_COMMAND})
        self._socket = self._server.socket
        self.endpoint = self._server.endpoint
        self._answers: Channel[tuple[tuple[bytes, ...], bytes]] = Channel(1024, lossy=True)
        self._waiting: dict[tuple[bytes, ...], float] = {}
        self._allowance = Allowance(RATE, BURST)

    def serve(self, commands: Channel[Request], status: Callable[[], Mapping[str, Any]], stop: Channel[None]) -> None:
        """Pass requests on until `stop` is closed."""
        try:
            while not stop.closed:
                if self._socket.poll(POLL_MS if self._waiting else IDLE_POLL_MS):
                    self._take(self._socket.recv_multipart(), commands, status)
                self._send_answers()
            self._send_answers()
        finally:
            self._answers.close()
            self._server.close()

    def _take(
        self, parts: Sequence[bytes], commands: Channel[Request], status: Callable[[], Mapping[str, Any]]
    ) -> None:
        *envelope, body = parts
        route = tuple(envelope)
        if not self._allowance.take(time.monotonic()):
            self._reply(route, pack_ack(Ack(error=f"more than {RATE:g} requests a second; send fewer")))
            return
        try:
            asked = unpack_request(body)
            if asked is None:
                self._reply(route, pack_status(status()))
                return
            self._waiting[route] = time.monotonic()
            if not commands.offer(Request(asked, lambda ack: self._answer(route, ack))):
                self._reply(
                    route, pack_ack(Ack(error="too many commands are waiting; send fewer, or wait for answers"))
                )
        except (WireError, CommandError) as error:
            self._reply(route, pack_ack(Ack(error=str(error))))
        except Closed:
            self._reply(route, pack_ack(Ack(error="the stream has ended")))

    def _answer(self, route: tuple[bytes, ...], ack: Ack) -> None:
        """Called in the tracker's thread."""
        self._answers.put((route, pack_ack(ack)))

    def _send_answers(self) -> None:
        for route, answer in self._answers.drain():
            self._reply(route, answer)
        now = time.monotonic()
        for route, asked in list(self._waiting.items()):
            if now - asked > UNANSWERED_S:
                why = f"no frame has arrived for {UNANSWERED_S:g} s; the command takes effect on the next one"
                self._reply(route, pack_ack(Ack(error=why)))

    def _reply(self, route: tuple[bytes, ...], answer: bytes) -> None:
        self._waiting.pop(route, None)
        self._socket.send_multipart([*route, answer])


class CommandClient:
    """Sends requests and waits for their acknowledgement. Use it in the thread that made it."""

    def __init__(self, endpoint: str, *, timeout_s: float = 15.0, keys: ClientKeys | None = None) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.REQ)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
        _unlock(self._socket, keys)
        _connect(self._context, self._socket, endpoint)

    def send(self, *commands: Command) -> Ack:
        """Apply commands together on the next frame; the acknowledgement names it. Raises CommandError if refused."""
        reply = self._ask(pack_request(commands))
        if not reply["ok"]:
            raise CommandError(str(reply.get("error")))
        return Ack(index=reply.get("index"), epoch=reply.get("epoch"))

    def status(self) -> dict[str, Any]:
        """What the pipeline says of itself; raises CommandError if it does not."""
        reply = self._ask(pack_status_request())
        if not reply["ok"]:
            raise CommandError(str(reply.get("error")))
        return cast(dict[str, Any], reply["status"])

    def _ask(self, request: bytes) -> dict[str, Any]:
        self._socket.send(request)
        if not self._socket.poll(int(self._timeout_s * 1000)):
            raise StreamerError(
                f"{self._endpoint}: no answer within {self._timeout_s:g} s; is `streamer run --control` running there, "
                "and are the keys right?"
            )
        return unpack_reply(self._socket.recv())

    def close(self) -> None:
        if not self._socket.closed:
            self._socket.close()
            self._context.term()

    def __enter__(self) -> CommandClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
