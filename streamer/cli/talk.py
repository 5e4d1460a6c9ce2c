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


def subscribe(args: argparse.Namespace) -> int:
    """Print a line for each message; with --json one object of what was received at the end."""
    received, states = 0, {}
    ages: list[float] = []
    with Subscriber(args.endpoint, args.source, max_age_ms=args.max_age_ms, keys=keys_of(args)) as subscriber:
        while args.count is None or received < args.count:
            try:
                message = subscriber.receive(args.timeout)
            except NothingFresh:
                if not received:
                    raise
                break  # it has ended, or fallen behind for good
            received += 1
            ages = [*ages[-999:], message.age_ms(time.time_ns())]
            states = {entry.object_id: entry.state for entry in message.objects}
            areas = {entry.object_id: int(entry.mask().sum()) for entry in message.objects}
            if not args.json:
                print(_line(message, ages[-1], areas), flush=True)
        refused, lost = subscriber.refused, subscriber.lost
    if args.json:
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


def keys(args: argparse.Namespace) -> int:
    """Make a pair of keys."""
    public, secret = create(Path(args.name))
    if args.json:
        print(json.dumps({"public": str(public), "secret": str(secret)}))
    else:
        print(f"{public} is for the other side, {secret} stays here and is readable by you alone")
    return 0


def keys_of(args: argparse.Namespace) -> ClientKeys | None:
    """The keys of a client; raises UsageError for one without the other."""
    if args.keys is None and args.server_key is None:
        return None
    if args.keys is None or args.server_key is None:
        raise UsageError("--keys and --server-key go together: your own secret key, and the other side's public one")
    return client_keys(Path(args.keys), Path(args.server_key))


def _line(message: Message, age_ms: float, areas: dict[int, int]) -> str:
    objects = "  ".join(
        f"{entry.object_id}: {entry.state} {entry.score:.2f} box {entry.box} area {areas[entry.object_id]}"
        for entry in message.objects
    )
    dropped = f" ({message.header['dropped']} dropped)" if message.header["dropped"] else ""
    return f"{message.source} frame {message.index}{dropped}, {age_ms:.0f} ms old  {objects or 'no objects'}"


def prompt(args: argparse.Namespace) -> int:
    wanted = prompts.parse(args.box, args.point, args.mask)
    if not wanted:
        raise UsageError("prompt: give --point, --box or --mask")
    return _send(args, *prompts.remote(wanted, "replace" if args.replace else "refine"))


def remove(args: argparse.Namespace) -> int:
    return _send(args, *(Remove(object_id) for object_id in args.ids))


def undo(args: argparse.Namespace) -> int:
    return _send(args, *(Undo(object_id) for object_id in args.ids))


def verb(args: argparse.Namespace) -> int:
    """Reset, pause, resume, find and status."""
    if args.verb == "status":
        with CommandClient(args.endpoint, keys=keys_of(args)) as client:
            _show(args, client.status())
        return 0
    verbs: dict[str, Command] = {"reset": Reset(), "pause": Pause(), "resume": Resume(), "find": Find()}
    return _send(args, verbs[args.verb])


def _send(args: argparse.Namespace, *commands: Command) -> int:
    with CommandClient(args.endpoint, keys=keys_of(args)) as client:
        ack: Ack = client.send(*commands)
    if args.json:
        print(json.dumps({"ok": True, "index": ack.index, "epoch": ack.epoch, "object_ids": ack.object_ids}))
        return 0
    objects = ", ".join(f"object {object_id}" for object_id in ack.object_ids)
    print(f"{objects}{': ' if objects else ''}took effect on frame {ack.index}, epoch {ack.epoch}")
    return 0


def _show(args: argparse.Namespace, values: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(values))
    else:
        for name, value in values.items():
            print(f"{name}: {value}")
