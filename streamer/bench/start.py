"""From the start of a process to its first mask: seconds and resident memory, with the user's caches and without."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamer.errors import StreamerError

SOURCE = "scene:?seed=2&objects=1&size=640x360"
TIMEOUT_S = 300.0


def start(model: str, rounds: int) -> dict[str, Any]:
    """Runs `streamer run` to its first mask so often, and once with an empty cache, as on a first start ever.

    Each is timed from outside until the process has ended. Raises StreamerError where it fails.
    """
    with tempfile.TemporaryDirectory() as empty:
        first = _first_mask(model, {"XDG_CACHE_HOME": empty})
    warm = [_first_mask(model, {}) for _ in range(rounds + 1)][1:]  # the one before them fills the cache
    return {
        "model": model,
        "rounds": rounds,
        "first_mask_s": round(statistics.median(run.seconds for run in warm), 2),
        "fastest_s": round(min(run.seconds for run in warm), 2),
        "processor_s": round(statistics.median(run.processor_s for run in warm), 2),
        "resident_mb": round(statistics.median(run.resident_mb for run in warm), 1),
        "first_start_ever_s": round(first.seconds, 2),
        "first_start_ever_processor_s": round(first.processor_s, 2),
    }


@dataclass(frozen=True, slots=True)
class Run:
    """One run to its first mask."""

    seconds: float
    processor_s: float  # of all threads; other programs on the machine hardly change it
    resident_mb: float


def _first_mask(model: str, environment: Mapping[str, str]) -> Run:
    words = ["--source", SOURCE, "--box", "1:truth", "--frames", "1", "--model", model, "--sink", "null:", "--json"]
    command = [sys.executable, "-m", "streamer", "run", *words]
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    seconds, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise StreamerError(f"streamer run failed: {done.stderr.strip().splitlines()[-1]}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, used, float(json.loads(done.stdout)["rss_mb"]["end"]))
