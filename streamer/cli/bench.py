"""`streamer bench`: figures about this machine, as JSON or in words."""

from __future__ import annotations

import argparse
import json

from streamer import benchmarks
from streamer.errors import UsageError
from streamer.uris import Address


def bench(given: argparse.Namespace) -> int:
    for name in ("frames", "objects"):
        value = getattr(given, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: give 1 or more")
    width, height = Address("", "", {"size": given.size}).size("size", (1280, 720))
    match given.what:
        case "pipeline":
            figures = benchmarks.pipeline(given.model, given.frames or 240, given.objects or 1, (width, height))
        case "memory":
            figures = benchmarks.memory(given.model, given.frames or 3000, given.objects or 3)
        case _:
            figures = benchmarks.age(given.model, given.frames or 120, given.objects or 1)
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name}: {value}")
    return 0
