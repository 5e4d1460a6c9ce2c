"""`streamer bench`: figures about this machine, as JSON or in words."""

from __future__ import annotations

import argparse
import json
from typing import Any

from streamer.errors import UsageError
from streamer.uris import Address


def bench(args: argparse.Namespace) -> int:
    if args.frames is not None and args.frames < 1:
        raise UsageError(f"--frames {args.frames}: give 1 or more")
    counts = _counts(args.objects)
    match args.what:
        case "engine":
            figures = _engine(args, counts or [1, 4, 8])
        case "image" | "video":
            figures = _recorded(args)
        case "cameras" | "readers" | "encoding":
            figures = _serving(args, counts)
        case _:
            figures = _live(args, counts)
    if args.json:
        print(json.dumps(figures))
    else:
        _show(figures)
    return 0


def _engine(args: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench.engine import against_original, engine

    if args.against == "original":
        return against_original(args.frames or 6, args.runtime)
    if args.size and not args.size.isdigit():
        raise UsageError(f"--size {args.size}: for engine, the side of the model's square, such as 512")
    size = int(args.size) if args.size else None
    reference = not args.no_reference
    return engine(args.model, size, counts, args.frames or 12, args.runtime, reference=reference)


def _live(args: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench import live

    if len(counts) > 1:
        raise UsageError(f"--objects {args.objects}: one number, except for engine")
    objects = counts[0] if counts else None
    if args.what == "pipeline":
        width, height = Address("", "", {"size": args.size or "1280x720"}).size("size", (1280, 720))
        return live.pipeline(args.model, args.frames or 240, objects or 1, (width, height), exact=args.exact)
    if args.what == "crowd":
        return live.crowd(args.model, args.frames or 500, objects or 64)
    if args.what == "memory":
        return live.memory(args.model, args.frames or 3000, objects or 3, args.runtime)
    return live.age(args.model, args.frames or 120, objects or 1)


def _recorded(args: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench import recorded

    if args.what == "image":
        return recorded.image(args.model, args.frames or 20)
    return recorded.video(args.model, args.frames or 5000)


def _serving(args: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench import serving

    objects = counts[0] if counts else 1
    match args.what:
        case "cameras":
            fps = args.fps or 10.0
            return serving.cameras(args.model, args.count or 4, fps, args.seconds, objects, max_fps=args.max_fps)
        case "readers":
            return serving.readers(args.model, args.count or 20, args.fps or 15.0, args.seconds, objects)
        case _:
            from streamer.bench.encoding import encoding

            return encoding(args.model, (1, 2, 4), args.frames or 20)


def _counts(text: str | None) -> list[int]:
    if not text:
        return []
    numbers = text.split(",")
    if not all(number.isdigit() and int(number) > 0 for number in numbers):
        raise UsageError(f"--objects {text}: give numbers of 1 or more, such as 1,4,8")
    return [int(number) for number in numbers]


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = [list(value[0]), *([str(entry[key]) for key in entry] for entry in value)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
        else:
            print(f"{name}: {value}")
