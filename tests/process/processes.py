"""`streamer` in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STREAMER = [sys.executable, "-m", "streamer"]
started: list[subprocess.Popen[str]] = []  # by the test that runs


def streamer(*words: str, env: dict[str, str] | None = None, **options) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*STREAMER, *words],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | (env or {}),
        **options,
    )
    started.append(process)
    return process


@contextlib.contextmanager
def outlives_a_test(process: subprocess.Popen[str]) -> Iterator[None]:
    """Keep a process for the block, which may be that of a fixture of a whole module."""
    started.remove(process)
    try:
        yield
    finally:
        started.append(process)
        end_all()


def end_all() -> None:
    """Kill what a failed test left running, and close its pipes."""
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    started.clear()


def finish(process: subprocess.Popen[str], timeout: float = 120) -> dict:
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return json.loads(out)
