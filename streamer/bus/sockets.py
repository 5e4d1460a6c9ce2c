"""ZeroMQ sockets, bound and connected, with CURVE keys where other machines may connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from streamer.bus.curve import ClientKeys, ServerKeys
from streamer.errors import SinkError, UsageError
from streamer.uris import is_loopback, parts_of

DOMAIN = "streamer"  # of authentication


def check_endpoint(endpoint: str, keys: ServerKeys | None = None) -> str:
    """The endpoint, if it may be bound; raises UsageError for one that others could reach without keys."""
    if endpoint.startswith(("ipc://", "inproc://")):
        return endpoint
    if not endpoint.startswith("tcp://"):
        raise UsageError(f"endpoint {endpoint!r}: use tcp://127.0.0.1:PORT or ipc://PATH")
    host = parts_of(endpoint.removesuffix(":*")).hostname or ""  # any port
    if keys is None and not is_loopback(host):
        raise UsageError(
            f"endpoint {endpoint}: only this machine may connect (127.0.0.1 or ipc://) as long as there are no keys; "
            "make some with `streamer keys new` and give --keys and --clients"
        )
    return endpoint


class CurveAuthenticator:
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


def unlock(socket: zmq.Socket[bytes], keys: ClientKeys | None) -> None:
    if keys is not None:
        socket.curve_serverkey = keys.server
        socket.curve_publickey, socket.curve_secretkey = keys.own.public, keys.own.secret


class BoundSocket:
    """A bound socket with a context of its own; with keys, only clients with a known key may connect."""

    def __init__(self, kind: int, endpoint: str, keys: ServerKeys | None, options: Mapping[int, int]) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._authenticator = None if keys is None else CurveAuthenticator(self._context, keys)
        self.socket: zmq.Socket[bytes] = self._context.socket(kind)
        self.socket.setsockopt(zmq.LINGER, 200)
        for option, value in options.items():
            self.socket.setsockopt(option, value)
        if self._authenticator is not None:
            self._authenticator.lock(self.socket)
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
        if self._authenticator is not None:
            self._authenticator.stop()
        self._context.term()


def connect(context: zmq.Context[Any], socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Connect; where the endpoint is invalid, socket and context are closed and UsageError is raised."""
    try:
        parts_of(endpoint)  # ZeroMQ takes any number for a port
        socket.connect(endpoint)
    except (zmq.ZMQError, UsageError) as error:
        socket.close(0)
        context.term()
        raise UsageError(f"endpoint {endpoint!r}: {error}; use tcp://HOST:PORT or ipc://PATH") from error
