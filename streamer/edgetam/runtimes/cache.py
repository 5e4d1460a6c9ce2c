"""Converted graphs kept on disk, so that only the first start with a model waits for its conversion."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)

FORMAT = 2  # of what is kept: raise it when the graphs change
MOST_MODELS = 8  # kept for each runtime; who was not used for longest goes


def folder(runtime: str, version: str, model: Any) -> Path:
    """Where the graphs of a model lie: below `$XDG_CACHE_HOME/streamer`, or `~/.cache/streamer`; the rest is pruned."""
    below = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamer" / runtime
    mine = below / fingerprint(version, model)
    with contextlib.suppress(OSError):
        mine.mkdir(parents=True, exist_ok=True)
        os.utime(mine)  # in use
        others = sorted((f for f in below.iterdir() if f != mine), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in others[MOST_MODELS - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
    return mine


def fingerprint(version: str, model: Any) -> str:
    """What the graphs depend on: weights, config, and the versions that convert them."""
    digest = hashlib.sha256(
        json.dumps([FORMAT, torch.__version__, version, model.config.to_dict()], default=str).encode()
    )
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:24]


def keep(file: Path, write: Callable[[Path], object], beside: str | None = None) -> None:
    """Put what `write` writes where the next start finds it, whole or not at all.

    `beside` is the suffix of a second file that it writes with the first.
    """
    part = file.with_name(f"{os.getpid()}-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        if beside is not None:
            part.with_suffix(beside).replace(file.with_suffix(beside))
        part.replace(file)
    except (OSError, RuntimeError) as error:
        log.warning("%s: cannot be kept, so the next start converts again (%s)", file, error)
