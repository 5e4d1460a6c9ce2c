"""ZeroMQ: the client of the command socket."""

from __future__ import annotations

from typing import Any, cast

import zmq

from streamer.bus.curve import ClientKeys
from streamer.bus.requests import pack_request, pack_status_request, unpack_reply
from streamer.bus.sockets import connect, unlock
from streamer.errors import CommandError, StreamerError
from streamer.types import Ack, Command


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
        unlock(self._socket, keys)
        connect(self._context, self._socket, endpoint)

    def send(self, *commands: Command) -> Ack:
        """Apply commands together on the next frame; the acknowledgement names it and the prompts' object ids.

        Raises CommandError if they are rejected.
        """
        reply = self._ask(pack_request(commands))
        if not reply["ok"]:
            raise CommandError(str(reply.get("error")))
        return Ack(None, reply.get("index"), reply.get("epoch"), tuple(reply.get("object_ids", ())))

    def status(self) -> dict[str, Any]:
        """The state of the pipeline; raises CommandError if it is rejected."""
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
