#!/usr/bin/env python
"""Time of a frame at two commits, in turn on one machine: `scripts/compare_commits.py BASE [NEW]`.

Each round runs `streamer bench engine --no-reference` in a process of its own at BASE and at NEW (HEAD by default), in
alternating order. Prints both medians and their ratio for each number of objects, and exits with 1 where NEW is slower
than BASE by more than `--tolerance`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
Times = dict[int, list[float]]  # milliseconds of a frame, by number of objects


def main() -> int:
    args = parsed()
    times: dict[str, Times] = {args.base: {}, args.new: {}}
    with contextlib.ExitStack() as opened:
        trees = {commit: opened.enter_context(checked_out(commit)) for commit in times}
        for number in range(args.rounds):
            for commit in sorted(times, reverse=bool(number % 2)):
                for objects, took_ms in measure(trees[commit], args).items():
                    times[commit].setdefault(objects, []).append(took_ms)
                    print(f"round {number + 1}, {commit}: {objects} objects, {took_ms:.2f} ms", flush=True)
    slower = False
    for objects, base in times[args.base].items():
        base_ms, new_ms = statistics.median(base), statistics.median(times[args.new][objects])
        ratio = new_ms / base_ms
        print(f"{objects} objects: {base_ms:.2f} ms at {args.base}, {new_ms:.2f} ms at {args.new}, ratio {ratio:.3f}")
        slower |= ratio > 1 + args.tolerance
    return int(slower)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("new", nargs="?", default="HEAD")
    parser.add_argument("--objects", default="1,5")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=0.05)
    return parser.parse_args()


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit, "streamer"], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def measure(tree: Path, args: argparse.Namespace) -> dict[int, float]:
    """Milliseconds of a frame for each number of objects."""
    words = ["bench", "engine", "--no-reference", "--json", "--model", args.model]
    words += ["--objects", args.objects, "--frames", str(args.frames)]
    done = subprocess.run(
        [sys.executable, "-m", "streamer", *words],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {entry["objects"]: entry["ours_ms"] for entry in json.loads(done.stdout)["counts"]}


if __name__ == "__main__":
    sys.exit(main())
