"""Access from other machines: CURVE keys (ZeroMQ's, RFC 26), in files of one line each.

`NAME.key` is public and goes to the other side; `NAME.secret` stays, readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq
import zmq.utils.z85

from streamer.errors import UsageError

LENGTH = 40  # characters of a key in Z85


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The public and the secret key of one side."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The server's own keys, and the folder with the `.key` files of its clients; it is read at every connection."""

    own: KeyPair
    clients: Path

    def allows(self, public: bytes) -> bool:
        """Whether one of the files holds this key; a file that broke since the start admits no client."""
        for file in self.clients.glob("*.key"):
            with contextlib.suppress(UsageError):
                if read_public(file) == public:
                    return True
        return False


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Own keys, and the public key of the server to connect to."""

    own: KeyPair
    server: bytes


def create(name: Path) -> tuple[Path, Path]:
    """Write a new pair as `NAME.key` and `NAME.secret`; raises UsageError where one is there already."""
    public, secret = zmq.curve_keypair()
    files = name.with_name(name.name + ".key"), name.with_name(name.name + ".secret")
    for file in files:
        if file.exists():
            raise UsageError(f"{file}: is there already; choose another name, or remove it if nobody uses it")
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
        files[0].write_bytes(public + b"\n")
        files[1].touch(0o600, exist_ok=False)
        files[1].write_bytes(secret + b"\n")
    except OSError as error:
        raise UsageError(f"{name}: keys cannot be written there: {error.strerror}") from error
    return files


def server_keys(secret: Path, clients: Path) -> ServerKeys:
    """Raises UsageError naming the file."""
    if not clients.is_dir():
        raise UsageError(f"{clients}: no such folder; put the .key files of the clients that may connect into it")
    for file in clients.glob("*.key"):
        read_public(file)
    return ServerKeys(read_pair(secret), clients)


def client_keys(secret: Path, server: Path) -> ClientKeys:
    """Raises UsageError naming the file."""
    return ClientKeys(read_pair(secret), read_public(server))


def read_pair(secret: Path) -> KeyPair:
    """The pair of a `.secret` file; raises UsageError for one that others can read."""
    key = _read(secret)
    if os.name == "posix" and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        raise UsageError(f"{secret}: others can read this secret key; chmod 600 {secret}")
    return KeyPair(zmq.curve_public(key), key)


def read_public(file: Path) -> bytes:
    """Raises UsageError for a file that holds no key."""
    return _read(file)


def _read(file: Path) -> bytes:
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; `streamer keys new NAME` makes keys") from error
    try:
        zmq.utils.z85.decode(key)
    except (ValueError, KeyError, IndexError):
        key = b""
    if len(key) != LENGTH:
        raise UsageError(f"{file}: holds no key; `streamer keys new NAME` makes keys")
    return key
