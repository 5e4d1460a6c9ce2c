"""`streamer bench`: figures about this machine, as JSON or in words."""

from __future__ import annotations

import argparse
import json
from typing import Any

from streamer.cli.options import section_of
from streamer.config.settings import ModelSettings
from streamer.errors import UsageError
from streamer.uris import Address


def bench(args: argparse.Namespace) -> int:
    match args.what:
        case "engine":
            figures = _engine(args)
        case "start":
            from streamer.bench.start import start

            figures = start(section_of(args, "model", ModelSettings).id, args.frames)
        case "windows":
            from streamer.bench.windows import windows

            figures = windows(section_of(args, "model", ModelSettings).id, _count(args.objects), args.frames)
        case "image" | "video":
            figures = _recorded(args)
        case "live":
            figures = _two_rates(args)
        case "cameras" | "readers" | "encoding":
            figures = _serving(args)
        case _:
            figures = _live(args)
    if args.json:
        print(json.dumps(figures))
    else:
        _show(figures)
    return 0


def _engine(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench.engine import engine
    from streamer.bench.original import against_original

    model = section_of(args, "model", ModelSettings)
    if args.against == "original":
        return against_original(args.frames, model.runtime)
    counts = _counts(args.objects)
    return engine(model.id, model.size, counts, args.frames, model.runtime, reference=not args.no_reference)


def _live(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench import live

    settings, objects = section_of(args, "model", ModelSettings), _count(args.objects)
    model = settings.id
    match args.what:
        case "pipeline":
            size = Address("", "--size", {"size": args.size}).size("size", (0, 0))
            return live.pipeline(model, args.frames, objects, size, exact=args.exact)
        case "crowd":
            return live.crowd(model, args.frames, objects)
        case "memory":
            return live.memory(model, args.frames, objects, settings.runtime)
        case _:
            return live.age(model, args.frames, objects)


def _two_rates(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench.two_rates import live

    width, height = Address("", "", {"size": args.size}).size("size", (640, 360))
    model = section_of(args, "model", ModelSettings).id
    return live(model, args.fps, _count(args.objects), args.seconds, (width, height))


def _recorded(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench import recorded

    measure = recorded.image if args.what == "image" else recorded.video
    return measure(section_of(args, "model", ModelSettings).id, args.frames)


def _serving(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench import serving
    from streamer.bench.encoding import encoding

    model = section_of(args, "model", ModelSettings).id
    match args.what:
        case "cameras":
            objects = _count(args.objects)
            each = [objects] * (args.count - 1) + [args.crowd or objects]
            return serving.cameras(model, args.fps, args.seconds, each, max_fps=args.max_fps)
        case "readers":
            return serving.readers(model, args.count, args.fps, args.seconds, _count(args.objects))
        case _:
            return encoding(model, (1, 2, 4), args.frames)


def _counts(text: str) -> list[int]:
    numbers = text.split(",")
    if not all(number.isdigit() and int(number) > 0 for number in numbers):
        raise UsageError(f"--objects {text}: give numbers of 1 or more, such as 1,4,8")
    return [int(number) for number in numbers]


def _count(text: str) -> int:
    number, *more = _counts(text)
    if more:
        raise UsageError(f"--objects {text}: one number, except for engine")
    return number


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = [list(value[0]), *([str(entry[key]) for key in entry] for entry in value)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
        else:
            print(f"{name}: {value}")
