"""`streamer serve`: many cameras, the page and the API; `streamer access`: who may use them."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamer.config import load as config
from streamer.errors import UsageError
from streamer.pipeline.signals import stopped_by_signals

PACKAGES = ("argon2", "prometheus_client", "starlette", "uvicorn", "websockets")
log = logging.getLogger("streamer")


def serve(given: argparse.Namespace) -> int:
    """Until Ctrl-C or SIGTERM."""
    _check_packages()
    from streamer.web.serve_app import serving

    settings = config.load_serve(Path(given.config) if given.config else None, overrides(given))
    stop = threading.Event()
    with stopped_by_signals(stop.set), serving(settings) as (serve_app, server):
        log.info("%d cameras; the page is at %s", len(serve_app.cameras.all()), server.url)
        while not stop.wait(0.2):
            pass
        figures = [camera.status() for camera in serve_app.cameras.all()]
    if given.json:
        print(json.dumps({"cameras": figures}))
    return 0


def _check_packages() -> None:
    """Raises UsageError where what the page stands on is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}; pip install 'streamer[web]'")


def overrides(given: argparse.Namespace) -> dict[str, Any]:
    """What the command line says, nested like the file."""
    changed: dict[str, Any] = {}
    if given.source:
        changed["cameras"] = {f"camera{number}": {"source": {"uri": uri}} for number, uri in enumerate(given.source, 1)}
    places = {"host": given.host, "port": given.port, "token": given.token}
    if any(value is not None for value in places.values()):
        changed["web"] = {key: value for key, value in places.items() if value is not None}
    if given.model is not None:
        changed["model"] = {"id": given.model}
    return changed


def access(given: argparse.Namespace) -> int:
    """Make a token, or let a user in."""
    _check_packages()
    from streamer.web import credentials as passes

    file = Path(given.file)
    if given.what == "token":
        passes.new_token(file)
        print(f"{file} holds a token that you alone can read; set web.token to it, and show it as `Bearer TOKEN`")
        return 0
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    passes.add_user(file, given.name or "", password)
    print(f"{given.name} may log in where web.users is {file}")
    return 0
