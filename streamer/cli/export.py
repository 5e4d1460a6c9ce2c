"""`streamer export`: the model's graphs as files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from streamer.cli.options import section_of
from streamer.cli.progress import Progress
from streamer.config.settings import ModelSettings


def export(args: argparse.Namespace) -> int:
    from streamer.edgetam.export import export as write
    from streamer.edgetam.steps import GRAPHS

    model = section_of(args, "model", ModelSettings)
    with Progress(total=len(GRAPHS), unit="graph") as bar:
        files = write(model.id, args.format, model.size, Path(args.out), bar.update)
    sizes = {file.name: sum(part.stat().st_size for part in _parts(file)) for file in files}
    if args.json:
        print(json.dumps({"out": args.out, "format": args.format, "bytes": sizes}))
    else:
        for name, size in sizes.items():
            print(f"{Path(args.out) / name}: {size / 1e6:.1f} MB")
    return 0


def _parts(file: Path) -> list[Path]:
    """A graph's files: a folder, or a file and the weights beside it."""
    if file.is_dir():
        return [part for part in file.rglob("*") if part.is_file()]
    return [part for part in (file, file.with_suffix(".bin")) if part.exists()]
