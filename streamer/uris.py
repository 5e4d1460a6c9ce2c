"""Addresses of sources, sinks and endpoints: their options, their names, and what must not be shown of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from streamer.errors import UsageError

CREDENTIALS = re.compile(r"(?<=://)(?:[^\s\"]+|[^/\s]+)@")  # up to the last @: a password may hold / ? # and @
SECRET_OPTIONS = re.compile(r"(?i)\b((?:password|passwd|pwd|token|secret|key|auth|user)=)[^&#\s]+")
LOOPBACK = re.compile(r"^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$")
NETWORK_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt")


def redact(text: str) -> str:
    """The text with passwords in its addresses replaced: for every log, message, page and error."""
    return SECRET_OPTIONS.sub(r"\1***", CREDENTIALS.sub("***@", text))


@dataclass(frozen=True, slots=True)
class Address:
    """A URI cut into what names the thing and what sets options on it."""

    scheme: str  # "" for a plain path
    target: str  # what is left without the options
    options: dict[str, str]

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return redact(self.target or f"{self.scheme}:")

    def number(self, name: str, default: float) -> float:
        """A numeric option; raises UsageError naming it."""
        try:
            number = float(self.options.get(name, default))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise UsageError(f"{self.shown}: option {name}={self.options[name]!r} is not a finite number")
        return number

    def flag(self, name: str) -> bool:
        """An option that is on by being there (`?loop`), or off with 0, no or false."""
        return self.options.get(name, "0").lower() not in ("0", "no", "false")

    def size(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        """A WIDTHxHEIGHT option; raises UsageError naming it."""
        if name not in self.options:
            return default
        match = re.fullmatch(r"(\d+)x(\d+)", self.options[name])
        if not match or not all(1 <= int(v) <= 16384 for v in match.groups()):
            raise UsageError(f"{self.shown}: option {name}={self.options[name]!r} is not a size like 640x360")
        return int(match[1]), int(match[2])

    def allow(self, *names: str) -> None:
        """Raise UsageError for any other option."""
        for name in self.options:
            if name not in names:
                known = ", ".join(names) or "none"
                raise UsageError(f"{self.shown}: unknown option {name!r}; known options: {known}")


def parse(uri: str) -> Address:
    """Cut a URI; options follow `?`, or `#` for network addresses, whose own query stays."""
    scheme, found, rest = uri.partition(":")
    if not found or "/" in scheme or len(scheme) < 2:
        target, options = _split(uri, "?")
        return Address("", target, options)
    scheme = scheme.lower()
    if scheme in NETWORK_SCHEMES:
        check_login(uri)
        target, options = _split(uri, "#")
        return Address(scheme, target, options)
    if scheme == "lavfi":
        return Address(scheme, rest, {})
    target, options = _split(rest, "?")
    return Address(scheme, target, options)


def _split(text: str, mark: str) -> tuple[str, dict[str, str]]:
    target, _, query = text.partition(mark)
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return target, {name: value or "1" for name, value in pairs.items()}


def is_loopback(host: str) -> bool:
    return bool(LOOPBACK.match(host))


def check_login(url: str) -> None:
    """Raise UsageError where a password was written with a character that ends it, without showing any part of it."""
    scheme, found, rest = url.partition("://")
    host, mark, after = _until(rest, "/?#")
    _, colon, port = host.rpartition(":")
    if found and colon and "@" not in host and "@" in after and not port.isdecimal() and not host.endswith("]"):
        escaped = f"%{ord(mark):02X}"
        raise UsageError(f"{scheme}://***@...: the user or the password holds {mark!r}; write it as {escaped}")


def _until(text: str, marks: str) -> tuple[str, str, str]:
    """The text before the first of some characters, that character, and the text after it."""
    at = min((at for mark in marks if (at := text.find(mark)) >= 0), default=len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]


def parts_of(url: str) -> SplitResult:
    """Scheme, host, port and the rest of a URL; raises UsageError for anything else."""
    check_login(url)
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at only then
    except ValueError as error:
        raise UsageError(f"{redact(url)!r:.200} is no address: {error}") from None
    return parts
