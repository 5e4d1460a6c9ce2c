"""The HTTP server in a thread of its own."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from streamer.config.settings import WebSettings
from streamer.errors import SinkError, UsageError
from streamer.uris import is_loopback

MESSAGE_AT_MOST = 1 << 16  # bytes of what a reader says
START_S, GRACE_S = 10.0, 1.0
BACKLOG = 128


class HttpServer:
    """`with HttpServer(...) as server:` serves on `server.url`, the address of a listening socket, until it is left."""

    def __init__(self, app: ASGIApp, settings: WebSettings, listener: socket.socket) -> None:
        self._socket = listener
        port = listener.getsockname()[1]
        scheme = "http" if settings.certificate is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"{scheme}://{host}:{port}"
        config = uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_max_size=MESSAGE_AT_MOST,
            ws_per_message_deflate=False,  # pictures do not become smaller
            ws_ping_interval=None,  # readers say what they have seen
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,  # type: ignore[arg-type] # seconds, also parts of them
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(2 * GRACE_S)

    def _run(self) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._server.run(sockets=[self._socket])


def listening(settings: WebSettings, *, has_credentials: bool) -> socket.socket:
    """A socket where the settings say.

    Raises UsageError for a place that others can reach without a pass or without TLS, and for certificates that cannot
    be used; SinkError where the port is taken.
    """
    _check(settings, has_credentials=has_credentials)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        place = f"{settings.host}:{settings.port}"
        raise SinkError(f"web: cannot listen on {place}: {error.strerror}; set web.port to another") from error
    return listener


def _check(settings: WebSettings, *, has_credentials: bool) -> None:
    """Raise UsageError for what would let strangers in, or could not start."""
    if not is_loopback(settings.host):
        if not has_credentials:
            raise UsageError(
                f"web.host {settings.host}: others can reach it, so a pass is needed: set web.token "
                "(`streamer access token FILE`) or web.users (`streamer access user FILE NAME`)"
            )
        if settings.certificate is None:
            raise UsageError(f"web.host {settings.host}: others can reach it, so set web.certificate and web.key (PEM)")
    if settings.certificate is not None and settings.key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise UsageError(
                f"web.certificate {settings.certificate}, web.key {settings.key}: cannot be used: {why}"
            ) from error
