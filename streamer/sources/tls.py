"""Certificates of sources over TLS: by default FFmpeg accepts any certificate, and does not name what is wrong."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from streamer.errors import UsageError
from streamer.uris import Address, parts_of

PORTS = {"rtsps": 322, "rtmps": 443, "https": 443}
TIMEOUT_S = 3.0


def trust(address: Address) -> dict[str, str]:
    """FFmpeg's options for an address: certificates are verified unless it says `verify=0`. Raises UsageError."""
    if address.scheme not in PORTS:
        return {}
    if not _verifies(address):
        return {"tls_verify": "0"}
    return {"tls_verify": "1", "ca_file": _authorities(address)}


def distrusted(address: Address) -> str | None:
    """What is wrong with the certificate of a server that could not be opened; None where it is not that."""
    if address.scheme not in PORTS or not _verifies(address):
        return None
    parts = parts_of(address.shown)  # a password may have any characters
    context = ssl.create_default_context(cafile=_authorities(address))
    try:
        with socket.create_connection((parts.hostname or "", parts.port or PORTS[address.scheme]), TIMEOUT_S) as plain:
            context.wrap_socket(plain, server_hostname=parts.hostname).close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted: {error.verify_message}"
    except ssl.SSLError as error:
        return f"TLS failed: {error.reason}"
    except OSError:
        return None
    return None


def _verifies(address: Address) -> bool:
    return address.flag("verify", default=True)


def _authorities(address: Address) -> str:
    file = address.options.get("ca") or ssl.get_default_verify_paths().cafile
    if file is None or not Path(file).exists():
        raise UsageError(f"{address.shown}: there is no certificate file {file}; give #ca=FILE.pem")
    return file
