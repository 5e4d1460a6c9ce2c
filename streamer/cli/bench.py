"""`streamer bench`: figures about this machine, as JSON or in words."""

from __future__ import annotations

import argparse
import json
from typing import Any

from streamer.errors import UsageError
from streamer.uris import Address


def bench(given: argparse.Namespace) -> int:
    if given.frames is not None and given.frames < 1:
        raise UsageError(f"--frames {given.frames}: give 1 or more")
    counts = _counts(given.objects)
    match given.what:
        case "engine":
            figures = _engine(given, counts or [1, 4, 8])
        case "image" | "video":
            figures = _recorded(given)
        case "cameras" | "readers" | "encoding":
            figures = _serving(given, counts)
        case _:
            figures = _live(given, counts)
    if given.json:
        print(json.dumps(figures))
    else:
        _show(figures)
    return 0


def _engine(given: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench.engine import against_original, engine

    if given.against == "original":
        return against_original(given.frames or 6, given.runtime)
    if given.size and not given.size.isdigit():
        raise UsageError(f"--size {given.size}: for engine, the side of the model's square, such as 512")
    size = int(given.size) if given.size else None
    reference = not given.no_reference
    return engine(given.model, size, counts, given.frames or 12, given.runtime, reference=reference)


def _live(given: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench import live

    if len(counts) > 1:
        raise UsageError(f"--objects {given.objects}: one number, except for engine")
    objects = counts[0] if counts else None
    if given.what == "pipeline":
        width, height = Address("", "", {"size": given.size or "1280x720"}).size("size", (1280, 720))
        return live.pipeline(given.model, given.frames or 240, objects or 1, (width, height), exact=given.exact)
    if given.what == "crowd":
        return live.crowd(given.model, given.frames or 500, objects or 64)
    if given.what == "memory":
        return live.memory(given.model, given.frames or 3000, objects or 3)
    return live.age(given.model, given.frames or 120, objects or 1)


def _recorded(given: argparse.Namespace) -> dict[str, Any]:
    from streamer.bench import recorded

    if given.what == "image":
        return recorded.image(given.model, given.frames or 20)
    return recorded.video(given.model, given.frames or 5000)


def _serving(given: argparse.Namespace, counts: list[int]) -> dict[str, Any]:
    from streamer.bench import serving

    objects = counts[0] if counts else 1
    match given.what:
        case "cameras":
            fps = given.fps or 10.0
            return serving.cameras(given.model, given.count or 4, fps, given.seconds, objects, max_fps=given.max_fps)
        case "readers":
            return serving.readers(given.model, given.count or 20, given.fps or 15.0, given.seconds, objects)
        case _:
            from streamer.bench.encoding import encoding

            return encoding(given.model, (1, 2, 4), given.frames or 20)


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
