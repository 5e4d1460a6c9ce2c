"""Whether the Hugging Face Hub can be reached, known in seconds: its client retries for half a minute."""

from __future__ import annotations

import contextlib
import os
import socket
from urllib.parse import urlsplit

from streamer.process.threads import background

TIMEOUT_S = 3.0  # for the name and the connection
DEFAULT_ENDPOINT = "https://huggingface.co"
PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def answers(timeout_s: float = TIMEOUT_S) -> bool:
    """Whether a connection to the Hub opens in time. Behind a proxy only its client can tell, so it counts as there."""
    if any(os.environ.get(name) for name in PROXIES):
        return True
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT))
    place = endpoint.hostname or "", endpoint.port or (80 if endpoint.scheme == "http" else 443)
    opened: list[bool] = []

    def connect() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            socket.create_connection(place, timeout_s).close()
            opened.append(True)

    background("hub", connect).join(timeout_s)  # a look-up of a name has no timeout of its own
    return bool(opened)
