"""ZeroMQ: the server of the command socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq

from streamer.bus.curve import ServerKeys
from streamer.bus.requests import (
    MAX_COMMAND,
    pack_ack,
    pack_status,
    unpack_request,
)
from streamer.bus.sockets import BoundSocket, check_endpoint
from streamer.channel import Channel, Closed
from streamer.errors import CommandError, WireError
from streamer.rate_limit import TokenBucket, TokenBuckets
from streamer.types import Ack, Request

POLL_MS = 10  # how late an acknowledgement may be noticed
IDLE_POLL_MS = 100
RATE, BURST = 50.0, 100.0  # requests a second of one connection, and at once; a person sends ten
RATE_OF_ALL, BURST_OF_ALL = 100.0, 200.0
TAKEN_RATE, TAKEN_BURST = 1000.0, 100.0  # messages a second that are read, also to be rejected: each costs time
TAKEN_AHEAD = 8  # messages of one connection that ZeroMQ holds; more wait at their sender
UNANSWERED_S = 10.0  # without an answer by a frame, after which a request gets an interim answer


class CommandServer:
    """Takes requests for one pipeline and answers each when a frame has taken them. `serve` runs in one thread."""

    def __init__(self, endpoint: str, *, keys: ServerKeys | None = None) -> None:
        check_endpoint(endpoint, keys)
        self._server = BoundSocket(zmq.ROUTER, endpoint, keys, {zmq.MAXMSGSIZE: MAX_COMMAND, zmq.RCVHWM: TAKEN_AHEAD})
        self._socket = self._server.socket
        self.endpoint = self._server.endpoint
        self._answers: Channel[tuple[tuple[bytes, ...], bytes]] = Channel(1024, lossy=True)
        self._waiting: dict[tuple[bytes, ...], float] = {}
        self._of_one = TokenBuckets(RATE, BURST)
        self._of_all = TokenBucket(RATE_OF_ALL, BURST_OF_ALL)
        self._taken = TokenBucket(TAKEN_RATE, TAKEN_BURST)

    def serve(self, commands: Channel[Request], status: Callable[[], Mapping[str, Any]], stop: Channel[None]) -> None:
        """Pass requests on until `stop` is closed."""
        try:
            while not stop.closed:
                if self._socket.poll(POLL_MS if self._waiting else IDLE_POLL_MS):
                    if self._taken.take(time.monotonic()):
                        self._take(self._socket.recv_multipart(), commands, status)
                    else:  # connections are read in turn, so this wait is the only delay of a client below its limit
                        time.sleep(POLL_MS / 1e3)
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
        now_s = time.monotonic()
        if not (self._of_one.take(route[:1], now_s) and self._of_all.take(now_s)):
            self._reply(route, pack_ack(Ack(error=f"more than {RATE:g} requests a second; send fewer")))
            return
        try:
            request = unpack_request(body)
            if request is None:
                self._reply(route, pack_status(status()))
                return
            self._waiting[route] = time.monotonic()
            if not commands.offer(Request(request, lambda ack: self._answer(route, ack))):
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
        for route, since_s in list(self._waiting.items()):
            if now - since_s > UNANSWERED_S:
                why = f"no frame has arrived for {UNANSWERED_S:g} s; the command takes effect on the next one"
                self._reply(route, pack_ack(Ack(error=why)))

    def _reply(self, route: tuple[bytes, ...], answer: bytes) -> None:
        self._waiting.pop(route, None)
        self._socket.send_multipart([*route, answer])
