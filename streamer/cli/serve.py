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

from streamer.cli.options import settings_of
from streamer.config import load as config
from streamer.errors import UsageError
from streamer.pipeline.signals import stopped_by_signals

PACKAGES = ("argon2", "fastapi", "prometheus_client", "uvicorn", "websockets")
log = logging.getLogger("streamer")


def serve(args: argparse.Namespace) -> int:
    """Until Ctrl-C or SIGTERM."""
    _check_packages()
    from streamer.web.serve_app import serving

    settings = config.load_serve(Path(args.config) if args.config else None, overrides(args))
    stop = threading.Event()
    with stopped_by_signals(stop.set), serving(settings) as (serve_app, server):
        log.info("%d cameras; the page is at %s", len(serve_app.cameras.all()), server.url)
        while not stop.wait(0.2):
            pass
        figures = [camera.status() for camera in serve_app.cameras.all()]
    if args.json:
        print(json.dumps({"cameras": figures}))
    return 0


def _check_packages() -> None:
    """Raises UsageError where what the page stands on is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}; pip install 'streamer[web]'")


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the command line, nested like the file."""
    cameras = {f"camera{number}": {"source": {"uri": uri}} for number, uri in enumerate(args.source, 1)}
    return settings_of(args) | ({"cameras": cameras} if cameras else {})


def access(args: argparse.Namespace) -> int:
    """Make a token, or let a user in."""
    _check_packages()
    from streamer.web import credentials

    file = Path(args.file)
    if args.what == "token":
        credentials.new_token(file)
        print(f"{file} holds a token that you alone can read; set web.token to it, and show it as `Bearer TOKEN`")
        return 0
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    credentials.add_user(file, args.name or "", password)
    print(f"{args.name} may log in where web.users is {file}")
    return 0
