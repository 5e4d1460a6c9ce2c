"""Reverse proxies in front of the server: who the client is, and by which address it came, as a trusted proxy says."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

FORWARDED_HOST = b"x-forwarded-host"


def behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """The application with the client's address, scheme and host of X-Forwarded-For, -Proto and -Host.

    Only a connection from one of `proxies`, addresses or networks, is believed.
    """
    if not proxies:
        return app
    inner: ASGIApp = ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type, assignment]
    return _ForwardedHost(inner, proxies)


class _ForwardedHost:
    """Puts the host that the client asked the proxy for in place of the proxy's own."""

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and self._is_trusted(scope):
            scope["headers"] = _with_forwarded_host(scope["headers"])
        await self._app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _with_forwarded_host(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    forwarded = next((value.split(b",")[0].strip() for name, value in headers if name == FORWARDED_HOST), b"")
    if not forwarded:
        return list(headers)
    return [(b"host", forwarded), *(pair for pair in headers if pair[0] != b"host")]
