"""`streamer soak`: random faults for a number of minutes, and what grew meanwhile."""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
from pathlib import Path
from typing import Any

from streamer.soak.endurance import soak as endure


def soak(args: argparse.Namespace) -> int:
    """Exit code 1 where a source did not come back, a stale frame was published as live or a file does not play."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that cameras and servers end with it
    with tempfile.TemporaryDirectory() as folder:
        if args.commands is not None:
            return _commands(args, Path(folder))
        figures = endure(args.minutes * 60, args.every, args.seed, Path(folder))
    if args.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return int(bool(figures["errors"] or figures["stale_as_live"] or figures["files"]["that_do_not_play"]))


def _commands(args: argparse.Namespace, folder: Path) -> int:
    """Random commands against a server; exit code 1 where something happened that must not."""
    from streamer.soak.monkey import monkey  # which needs the packages of the page

    figures = monkey(args.commands, args.minutes * 60, args.seed, folder)
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name}: {value}")
    return int(bool(figures["findings"]))


def show(figures: dict[str, Any]) -> None:
    """The figures as lines."""
    for name, value in figures.items():
        if name != "slopes":
            print(f"{name}: {value}")
    for name, line in figures["slopes"].items():
        slope = f"{line['an_hour']:+g} an hour (standard error {line['error']:g})"
        print(f"{name}: {line['blocks'][0]:g} to {line['blocks'][-1]:g}, {slope}")
