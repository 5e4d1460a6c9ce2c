"""The HTTP server in a thread of its own."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from streamer.config.web_settings import WebSettings
from streamer.errors import SinkError, UsageError
from streamer.process.threads import Background, background
from streamer.uris import is_loopback
from streamer.web.proxies import behind_proxies
from streamer.web.readers import READ_TIMEOUT_S

MAX_MESSAGE_BYTES = 1 << 16  # of a reader; it sends some tens
START_TIMEOUT_S, SHUTDOWN_TIMEOUT_S = 10.0, 1.0
BACKLOG = 128
SOCKET_OPTIONS = {  # of every connection, where the system has them
    "TCP_USER_TIMEOUT": round(2000 * READ_TIMEOUT_S),  # milliseconds until a peer that reads nothing is disconnected
    "TCP_NOTSENT_LOWAT": 1 << 16,  # bytes in the kernel's queue: more would only make the frames of a slow reader older
}


class HttpServer:
    """`with HttpServer(...) as server:` serves a listening socket at `server.url` until the block ends."""

    def __init__(self, app: ASGIApp, settings: WebSettings, listener: socket.socket) -> None:
        self._socket = listener
        port = listener.getsockname()[1]
        scheme = "http" if settings.certificate is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"{scheme}://{host}:{port}"
        config = uvicorn.Config(
            behind_proxies(app, settings.proxies),
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # JPEG and H.264 are compressed already
            ws_ping_interval=None,  # readers acknowledge results
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `behind_proxies` believes those of the settings
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,  # type: ignore[arg-type] # a float works too
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        self._server = uvicorn.Server(config)
        self._thread: Background | None = None

    def __enter__(self) -> Self:
        thread = self._thread = background("web", self._run)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started and thread.running and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(2 * SHUTDOWN_TIMEOUT_S)

    def _run(self) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.error").addFilter(_is_an_error)
        self._server.run(sockets=[self._socket])


def _is_an_error(record: logging.LogRecord) -> bool:
    """False for what uvicorn 0.54 logs after it has answered the handshake of a rejected WebSocket."""
    return record.msg != "ASGI callable returned without completing handshake."


def listening(settings: WebSettings, *, has_credentials: bool) -> socket.socket:
    """A listening socket at the address of the settings.

    Raises UsageError for an address that other machines can reach without credentials or TLS, and for certificates that
    cannot be used; SinkError if the port is taken.
    """
    _check(settings, has_credentials=has_credentials)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option, value in SOCKET_OPTIONS.items():
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.port}"
        raise SinkError(f"web: cannot listen on {address}: {error.strerror}; set web.port to another") from error
    return listener


def _check(settings: WebSettings, *, has_credentials: bool) -> None:
    """Raise UsageError for settings that are unsafe, or that cannot work."""
    if not is_loopback(settings.host):
        if not has_credentials:
            raise UsageError(
                f"web.host {settings.host}: other machines can reach it, so credentials are required: set web.token "
                "(`streamer access token FILE`) or web.users (`streamer access user FILE NAME`)"
            )
        if settings.certificate is None:
            raise UsageError(
                f"web.host {settings.host}: other machines can reach it, so set web.certificate and web.key (PEM)"
            )
    if settings.certificate is not None and settings.key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise UsageError(
                f"web.certificate {settings.certificate}, web.key {settings.key}: cannot be used: {why}"
            ) from error
