"""Access control in front of every request: host name, origin, rate, size and credentials."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamer.errors import UsageError
from streamer.rate_limit import TokenBuckets
from streamer.uris import is_loopback, parts_of
from streamer.web.credentials import Credentials

MAX_BODY_BYTES = 4 << 20  # bytes: a full-HD mask is some kilobytes
RATE, BURST = 50.0, 100.0  # requests per second of one address: on average, and at once
LOGIN_RATE, LOGIN_BURST = (
    0.2,
    5.0,
)  # attempts per second of one address: a few for a person, slow for a program that guesses
MAX_SESSIONS = 1024
SESSION_S = 12 * 3600.0
COOKIE = "streamer_session"
DEFAULT_PORTS = {"http": 80, "https": 443}
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/login", "/page/login.js", "/page/style.css", "/page/icon.svg", "/api/v1/health", "/api/v1/ready")
SESSION_PATH = "/api/v1/session"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Session:
    """Who logged in, and until when that holds."""

    until_s: float
    user: str | None  # None: with the token
    stamp: str | None  # of the credentials then


class Sessions:
    """The sessions of browsers that have logged in; the oldest end when there are too many."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._clock_s = clock_s

    def begin(self, user: str | None = None, stamp: str | None = None) -> str:
        """The secret of a new session."""
        session = secrets.token_urlsafe(32)
        self._sessions[session] = Session(self._clock_s() + SESSION_S, user, stamp)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def get(self, session: str) -> Session | None:
        """A session that has not ended."""
        found = self._sessions.get(session)
        return found if found is not None and found.until_s > self._clock_s() else None

    def end(self, session: str) -> None:
        self._sessions.pop(session, None)


@dataclass(slots=True)
class AccessPolicy:
    """The users and tokens with access, and the host names of the server."""

    read_credentials: Callable[[], Credentials]  # as they are now
    names: frozenset[str] = frozenset()  # beside those of this machine; empty: any, where credentials are required
    secure: bool = False  # with TLS: browsers send the cookie over TLS only
    sessions: Sessions = field(default_factory=Sessions)
    requests: TokenBuckets = field(default_factory=lambda: TokenBuckets(RATE, BURST))
    logins: TokenBuckets = field(default_factory=lambda: TokenBuckets(LOGIN_RATE, LOGIN_BURST))

    @property
    def credentials(self) -> Credentials:
        return self.read_credentials()

    def refusal(self, scope: Scope, now_s: float) -> tuple[int, str] | None:
        """The status and the reason if a request is rejected, else None."""
        headers, method = Headers(scope=scope), scope.get("method", "GET")
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._has_name(host):
            return 403, f"host {host[:80]!r} is not a name of this server; add it to web.names"
        if (method not in SAFE or scope["type"] != "http") and (why := self.refusal_of_origin(origin, host)):
            return 403, why
        if not self._is_unlimited(scope) and not self.requests.take(address_of(scope), now_s):
            return 429, f"more than {RATE:g} requests per second; send fewer"
        if (length := headers.get("content-length", "0")).isdecimal() and int(length) > MAX_BODY_BYTES:
            return 413, f"{length} bytes; at most {MAX_BODY_BYTES} are accepted"
        if self.credentials.required and not self._is_open(scope) and not self.knows(headers):
            return 401, "credentials are required: send Authorization: Bearer TOKEN, or log in"
        return None

    def allows(self, headers: Headers) -> bool:
        """Whether a connection that was opened with these headers may go on: its session may have ended since."""
        return not self.credentials.required or self.knows(headers)

    def knows(self, headers: Headers) -> bool:
        """Whether a request comes with a token or a session."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.credentials.allows_token(token.strip()):
            return True
        return self._is_valid(self.sessions.get(session_of(headers)))

    def begin_session(self, user: str | None) -> str:
        """The secret of a session of a user; None: of the token, or of everybody where nothing is required."""
        return self.sessions.begin(user, self.credentials.stamp_of(user))

    def refusal_of_origin(self, origin: str | None, host: str) -> str | None:
        """Why a page of this origin may not change anything here; None if it may. A default port may be left out."""
        if origin is None:
            return None
        parts = _parts(origin)
        is_same = parts.hostname in self.names or _place(origin) == _place(f"{parts.scheme}://{host}")
        if parts.scheme in DEFAULT_PORTS and parts.hostname and is_same:
            return None
        return (
            f"origin {origin[:80]!r} is not allowed, since this server is called {host[:80]!r}; behind a "
            "proxy, have it pass Host on, or add the name to web.names"
        )

    def _is_valid(self, session: Session | None) -> bool:
        """Whether a session's user still exists, with the same password."""
        return session is not None and session.stamp == self.credentials.stamp_of(session.user)

    def _has_name(self, host: str) -> bool:
        name = _parts(f"//{host}").hostname or "" if _is_plain(host) else ""
        return is_loopback(name) or name in self.names or (self.credentials.required and not self.names and bool(name))

    @staticmethod
    def _is_unlimited(scope: Scope) -> bool:
        """The files of the page do not count against the rate limit."""
        return scope["path"].startswith("/page/") or scope["path"] in ("/", "/login")

    @staticmethod
    def _is_open(scope: Scope) -> bool:
        return scope["path"] in OPEN or (scope["path"] == SESSION_PATH and scope.get("method") == "POST")


class AccessMiddleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._policy.refusal(scope, time.monotonic())
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await receive()  # the handshake
                await _reject(scope, receive, send, refusal)
            return
        if refusal is not None:
            await _reject(scope, receive, _hardened(send), refusal)
            return
        await self._app(scope, _bounded(receive), _hardened(send))


async def _reject(scope: Scope, receive: Receive, send: Send, refusal: tuple[int, str]) -> None:
    status, why = refusal
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "1"} if status == 429 else {}
    if status == 401 and scope["path"] == "/":
        headers, status = {"Location": "login"}, 303
    await JSONResponse({"error": why}, status, headers)(scope, receive, send)


class TooLargeError(HTTPException):
    """A body that did not declare its length and exceeds the limit."""

    def __init__(self) -> None:
        super().__init__(413, "the body is too large")


def _bounded(receive: Receive) -> Receive:
    """Enforce the limit on a body that did not declare its length."""
    received = 0

    async def receive_bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise TooLargeError
        return message

    return receive_bounded


def _hardened(send: Send) -> Send:
    """Add the security headers."""

    async def send_hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_hardened


def session_of(headers: Headers | Mapping[str, Any]) -> str:
    """The session in a browser's cookie, or an empty string."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def address_of(scope: Scope) -> str:
    """The address of the client, for rate limits."""
    client: Iterable[Any] | None = scope.get("client")
    return str(next(iter(client), "")) if client else ""


def _place(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an origin, with the port that a browser leaves out."""
    parts = _parts(url)
    return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)


def _parts(url: str) -> SplitResult:
    """The parts of a URL that a client sent; empty if it is not a URL."""
    try:
        return parts_of(url)
    except UsageError:
        return urlsplit("")


def _is_plain(host: str) -> bool:
    return all(character.isalnum() or character in ".-:[]_" for character in host)
