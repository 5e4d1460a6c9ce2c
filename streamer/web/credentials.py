"""Credentials for the page and the API: a token, or users with passwords, in files that only the server can read."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import argon2

from streamer.errors import UsageError
from streamer.process.files import write_atomically

log = logging.getLogger(__name__)
CHECK_S = 1.0  # between looks at the files
SHORTEST_TOKEN, SHORTEST_PASSWORD = 24, 8  # characters
NAME_LENGTH = 64
_hasher = argon2.PasswordHasher()  # argon2id with the library's parameters (RFC 9106, low memory)


@cache
def _no_users_hash() -> str:
    """Verified for an unknown user, who so takes as long as a wrong password."""
    return _hasher.hash(secrets.token_urlsafe())


@dataclass(frozen=True, slots=True)
class Credentials:
    """The token and the users; without them everybody on this machine has access."""

    token: str | None = field(default=None, repr=False)
    users: dict[str, str] = field(default_factory=dict, repr=False)  # name to argon2 hash

    closed: bool = False  # nobody has access: a file is wrong

    @property
    def required(self) -> bool:
        return self.token is not None or bool(self.users) or self.closed

    def stamp_of(self, user: str | None) -> str | None:
        """What a session of a user, or of the token, depends on: with another password it ends. None: no such user."""
        secret = self.token if user is None else self.users.get(user)
        return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()

    def allows_token(self, token: str) -> bool:
        return self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def allows_user(self, name: str, password: str) -> bool:
        """Takes some tens of milliseconds for every user, known or not."""
        try:
            return _hasher.verify(self.users.get(name) or _no_users_hash(), password) and name in self.users
        except argon2.exceptions.VerificationError:
            return False


NOBODY = Credentials(closed=True)


def read(token: Path | None, users: Path | None) -> Credentials:
    """The credentials of files; raises UsageError naming the file and the remedy."""
    if users is not None:
        _no_users_hash()  # now, so that the first unknown user does not wait for it
    return Credentials(None if token is None else _token(token), {} if users is None else _users(users))


class CredentialFiles:
    """The credentials of files, read again when one of them changes; raises UsageError at start-up.

    A file that has become unreadable or wrong is logged, and nobody new has access by what it said before.
    """

    def __init__(self, token: Path | None, users: Path | None, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._token, self._users, self._clock_s = token, users, clock_s
        self._stamp = self._stamps()
        self._credentials = read(token, users)
        self._next_s = clock_s() + CHECK_S

    @property
    def credentials(self) -> Credentials:
        """As the files are now, or were at most CHECK_S ago."""
        now_s = self._clock_s()
        if now_s >= self._next_s:
            self._next_s = now_s + CHECK_S
            stamp = self._stamps()
            if stamp != self._stamp:
                self._stamp = stamp
                self._credentials = self._read_again()
        return self._credentials

    def _read_again(self) -> Credentials:
        try:
            credentials = read(self._token, self._users)
        except UsageError as error:
            log.warning("%s; nobody can log in until it is mended", error)
            return NOBODY
        log.info("credentials were read again: a file has changed")
        return credentials

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(file) for file in (self._token, self._users) if file is not None]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def new_token(file: Path) -> str:
    """Write a random token to a new file."""
    token = secrets.token_urlsafe(32)
    _write(file, f"{token}\n", new=True)
    return token


def add_user(file: Path, name: str, password: str) -> None:
    """Add a user, or change their password; raises UsageError."""
    if not name or ":" in name or not name.isprintable() or len(name) > NAME_LENGTH:
        raise UsageError(f"user {name!r}: a name has 1 to {NAME_LENGTH} printable characters and no colon")
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(f"a password has at least {SHORTEST_PASSWORD} characters")
    users = _users(file) if file.exists() and file.stat().st_size else {}
    users[name] = _hasher.hash(password)
    _write(file, "".join(f"{name}:{password_hash}\n" for name, password_hash in users.items()), new=False)


def _token(file: Path) -> str:
    token = _read(file, "streamer access token FILE").strip()
    if len(token) < SHORTEST_TOKEN:
        raise UsageError(
            f"{file}: a token has at least {SHORTEST_TOKEN} characters; create one with `streamer access token FILE`"
        )
    return token


def _users(file: Path) -> dict[str, str]:
    users = {}
    for number, line in enumerate(_read(file, "streamer access user FILE NAME").splitlines(), 1):
        name, _, password_hash = line.partition(":")
        if not password_hash.startswith("$argon2"):
            raise UsageError(f"{file}: line {number} is not NAME:HASH; write it with `streamer access user FILE NAME`")
        users[name] = password_hash
    if not users:
        raise UsageError(f"{file}: there is no user in it; add one with `streamer access user FILE NAME`")
    return users


def _read(file: Path, remedy: str) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"{file}: cannot be read: {why}; create it with `{remedy}`") from error
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise UsageError(f"{file}: other users can read it; run chmod 600 {file}")
    return text


def _write(file: Path, text: str, *, new: bool) -> None:
    if new and file.exists():
        raise UsageError(f"{file}: already exists; choose another name, or remove it if it is not in use")
    try:
        write_atomically(file, text.encode(), mode=0o600)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from error
