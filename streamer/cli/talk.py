"""Commands that talk to a running pipeline over the bus."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from streamer.bus.command_client import CommandClient
from streamer.bus.curve import ClientKeys, client_keys, create
from streamer.bus.messages import Message
from streamer.bus.subscriber import NothingFresh, Subscriber
from streamer.cli import prompts
from streamer.errors import UsageError
from streamer.types import Ack, Command, Find, Pause, Remove, Reset, Resume, Undo


def subscribe(given: argparse.Namespace) -> int:
    """Print a line for each message; with --json one object of what was received at the end."""
    received, states = 0, {}
    ages: list[float] = []
    with Subscriber(given.endpoint, given.source, max_age_ms=given.max_age_ms, keys=keys_of(given)) as subscriber:
        while given.count is None or received < given.count:
            try:
                message = subscriber.receive(given.timeout)
            except NothingFresh:
                if not received:
                    raise
                break  # it has ended, or fallen behind for good
            received += 1
            ages = [*ages[-999:], message.age_ms(time.time_ns())]
            states = {entry.object_id: entry.state for entry in message.objects}
            areas = {entry.object_id: int(entry.mask().sum()) for entry in message.objects}
            if not given.json:
                print(_line(message, ages[-1], areas), flush=True)
        refused, lost = subscriber.refused, subscriber.lost
    if given.json:
        median = sorted(ages)[len(ages) // 2] if ages else None
        print(
            json.dumps(
                {
                    "received": received,
                    "refused_stale": refused,
                    "lost": lost,
                    "age_ms_median": median,
                    "objects": states,
                }
            )
        )
    return 0


def keys(given: argparse.Namespace) -> int:
    """Make a pair of keys."""
    public, secret = create(Path(given.name))
    if given.json:
        print(json.dumps({"public": str(public), "secret": str(secret)}))
    else:
        print(f"{public} is for the other side, {secret} stays here and is readable by you alone")
    return 0


def keys_of(given: argparse.Namespace) -> ClientKeys | None:
    """The keys that a client was given; raises UsageError for one without the other."""
    if given.keys is None and given.server_key is None:
        return None
    if given.keys is None or given.server_key is None:
        raise UsageError("--keys and --server-key go together: your own secret key, and the other side's public one")
    return client_keys(Path(given.keys), Path(given.server_key))


def _line(message: Message, age_ms: float, areas: dict[int, int]) -> str:
    objects = "  ".join(
        f"{entry.object_id}: {entry.state} {entry.score:.2f} box {entry.box} area {areas[entry.object_id]}"
        for entry in message.objects
    )
    dropped = f" ({message.header['dropped']} dropped)" if message.header["dropped"] else ""
    return f"{message.source} frame {message.index}{dropped}, {age_ms:.0f} ms old  {objects or 'no objects'}"


def prompt(given: argparse.Namespace) -> int:
    wanted = prompts.parse(given.box, given.point, given.mask)
    if not wanted:
        raise UsageError("prompt: say what to track with --point, --box or --mask")
    return _send(given, *prompts.remote(wanted, "replace" if given.replace else "refine"))


def remove(given: argparse.Namespace) -> int:
    return _send(given, *(Remove(object_id) for object_id in given.ids))


def undo(given: argparse.Namespace) -> int:
    return _send(given, *(Undo(object_id) for object_id in given.ids))


def verb(given: argparse.Namespace) -> int:
    """Reset, pause, resume, find and status."""
    if given.verb == "status":
        with CommandClient(given.endpoint, keys=keys_of(given)) as client:
            _show(given, client.status())
        return 0
    verbs: dict[str, Command] = {"reset": Reset(), "pause": Pause(), "resume": Resume(), "find": Find()}
    return _send(given, verbs[given.verb])


def _send(given: argparse.Namespace, *commands: Command) -> int:
    with CommandClient(given.endpoint, keys=keys_of(given)) as client:
        ack: Ack = client.send(*commands)
    _show(given, {"ok": True, "index": ack.index, "epoch": ack.epoch})
    return 0


def _show(given: argparse.Namespace, values: dict[str, Any]) -> None:
    if given.json:
        print(json.dumps(values))
    elif "index" in values:
        print(f"took effect on frame {values['index']}, epoch {values['epoch']}")
    else:
        for name, value in values.items():
            print(f"{name}: {value}")
