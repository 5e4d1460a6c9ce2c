"""What an HTTP address is: a recording, a snapshot, or a live stream. The server's answer says so, not the name."""

from __future__ import annotations

import http.client
import logging
import urllib.error
import urllib.request
from email.message import Message
from typing import Literal, cast
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from streamer.images import SUFFIXES
from streamer.sources.tls import context_of
from streamer.uris import Address, parts_of

log = logging.getLogger(__name__)
Kind = Literal["recording", "snapshot", "live"]
Response = http.client.HTTPResponse
RECORDED_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp")
PLAYLISTS = ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl")
TIMEOUT_S = 5.0
PLAYLIST_BYTES = 4 * 2**20
MAX_PLAYLISTS = 3  # of which one names the next
_kinds: dict[str, Kind] = {}  # by address, of servers that have answered


def kind_of(address: Address) -> Kind:
    """The kind of an http or https address; by its name where the server does not answer. Raises UsageError.

    A video with a length is a recording, one without is live; so is a playlist that has no end. `#live=0` and
    `#live=1` decide it.
    """
    if "live" in address.options:
        return "live" if address.flag("live") else "recording"
    if address.target not in _kinds:
        try:
            with opened(address) as response:
                _kinds[address.target] = _kind_by_answer(address, response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.debug("%s: %s", address.shown, error)
            return _kind_by_name(address.target)
    return _kinds[address.target]


def opened(address: Address, *, timeout_s: float = TIMEOUT_S) -> Response:
    """The server's answer to a GET, with the address's user and certificates; raises OSError, HTTPException."""
    url, passwords = _without_login(address.target)
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    ]
    if address.scheme == "https":
        handlers.append(urllib.request.HTTPSHandler(context=context_of(address)))
    request = urllib.request.Request(url, headers={"User-Agent": "streamer", "Accept": "*/*"})
    return cast(Response, urllib.request.build_opener(*handlers).open(request, timeout=timeout_s))


def _without_login(url: str) -> tuple[str, urllib.request.HTTPPasswordMgrWithDefaultRealm]:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    login, found, rest = url.partition("://")[2].rpartition("@")
    if not found:
        return url, passwords
    bare = f"{url.partition('://')[0]}://{rest}"
    user, _, password = login.partition(":")
    parts = parts_of(bare)
    passwords.add_password(None, urlunsplit((*parts[:2], "/", "", "")), unquote(user), unquote(password))
    return bare, passwords


def _kind_by_answer(address: Address, response: Response) -> Kind:
    kind = response.headers.get_content_type().lower()
    name = urlsplit(response.url).path.lower()
    if kind.startswith("multipart/"):
        return "live"
    if kind.startswith("image/"):
        return "snapshot"
    if kind in PLAYLISTS or name.endswith((".m3u8", ".m3u")):
        return _kind_of_playlist(address, response)
    if kind.startswith("video/") or name.endswith(RECORDED_SUFFIXES):
        return "recording" if _length(response.headers) else "live"
    return _kind_by_name(name)


def _length(headers: Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _kind_of_playlist(address: Address, response: Response) -> Kind:
    """A playlist that is finished says so; one of several qualities is as the first of them."""
    for _ in range(MAX_PLAYLISTS):
        lines = response.read(PLAYLIST_BYTES).decode("utf-8", "replace").splitlines()
        if "#EXT-X-ENDLIST" in map(str.strip, lines):
            return "recording"
        variants = [lines[n + 1] for n, line in enumerate(lines[:-1]) if line.startswith("#EXT-X-STREAM-INF")]
        if not variants:
            return "live"
        login = address.target.rpartition("@")[0].partition("://")[2]
        url = urljoin(response.url, variants[0].strip())
        if login and urlsplit(url).netloc == urlsplit(response.url).netloc:
            url = url.replace("://", f"://{login}@", 1)
        response = opened(Address(urlsplit(url).scheme, url, address.options))
    return "live"


def _kind_by_name(target: str) -> Kind:
    name = target.split("?", maxsplit=1)[0].lower()
    if name.endswith(SUFFIXES):
        return "snapshot"
    return "recording" if name.endswith(RECORDED_SUFFIXES) else "live"
