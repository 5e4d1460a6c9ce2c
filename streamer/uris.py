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
ON, OFF = ("1", "yes", "true", "on"), ("0", "no", "false", "off")
MAX_NUMBER = 1e9  # of an option that has no closer limit: the nanoseconds of as many seconds are still a whole number
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

    def error(self, why: str) -> UsageError:
        """An error that names the address."""
        return UsageError(f"{self.shown.removesuffix(':')}: {why}")

    def number(
        self,
        name: str,
        default: float,
        *,
        above: float = -math.inf,
        at_least: float = -math.inf,
        at_most: float = MAX_NUMBER,
    ) -> float:
        """A numeric option; raises UsageError naming it."""
        if name not in self.options:
            return default
        text = self.options[name]
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(f"option {name}={text!r:.40} must be a finite number")
        if number <= above:
            raise self.error(f"option {name}={text:.40} must be more than {above:g}")
        if not at_least <= number <= at_most:
            limit = f"at least {at_least:g}" if number < at_least else f"at most {at_most:g}"
            raise self.error(f"option {name}={text:.40} must be {limit}")
        return number

    def count(self, name: str, default: int, *, at_least: int = 0, at_most: int = 2**31 - 1) -> int:
        """An option that is a whole number; raises UsageError naming it."""
        number = self.number(name, default, at_least=at_least, at_most=at_most)
        if number != int(number):
            raise self.error(f"option {name}={self.options[name]:.40} must be a whole number")
        return int(number)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An option that is on by being there (`?loop`), or off with 0, no or false; raises UsageError naming it."""
        if name not in self.options:
            return default
        text = self.options[name].lower()
        if text in ON or text in OFF:
            return text in ON
        raise self.error(f"option {name}={text!r:.40} must be 1 or 0")

    def size(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        """A WIDTHxHEIGHT option; raises UsageError naming it."""
        if name not in self.options:
            return default
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", self.options[name])
        if not match or not all(1 <= int(v) <= 16384 for v in match.groups()):
            raise self.error(f"option {name}={self.options[name]!r:.40} must be a size like 640x360")
        return int(match[1]), int(match[2])

    def allow(self, *names: str) -> None:
        """Raise UsageError for any other option."""
        for name in self.options:
            if name not in names:
                known = ", ".join(names) or "none"
                raise self.error(f"unknown option {name!r:.40}; known options: {known}")

    def without_target(self) -> None:
        """Raise UsageError where something stands between the scheme and its options."""
        if self.target:
            raise UsageError(
                f"{self.scheme}:{self.shown:.80}: {self.scheme}: takes only options, after a question mark"
            )


def parse(uri: str) -> Address:
    """Cut a URI; options follow `?`, or `#` for network addresses, whose own query stays."""
    if not uri.strip() or "\0" in uri:
        raise UsageError(f"{redact(uri)!r:.200} is no address: it is empty, or holds a null character")
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
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in options:
            raise UsageError(f"{redact(text)}: option {name!r:.40} is there twice; give it once")
        options[name] = value or "1"
    return target, options


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


def check_place(url: str) -> None:
    """Raise UsageError for a network address that names neither a host nor a port."""
    parts = parts_of(url)
    if not parts.hostname and parts.port is None:
        raise UsageError(f"{redact(url)!r:.200}: the host is missing; write {parts.scheme}://HOST:PORT/PATH")


def parts_of(url: str) -> SplitResult:
    """Scheme, host, port and the rest of a URL; raises UsageError for anything else."""
    check_login(url)
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at only then
    except ValueError as error:
        raise UsageError(f"{redact(url)!r:.200} is no address: {error}") from None
    return parts
