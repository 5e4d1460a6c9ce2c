"""Converted graphs on disk, so that only the first start with a model waits for its conversion. No torch."""

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

import platformdirs

from streamer.process.files import write_atomically

log = logging.getLogger(__name__)

FORMAT = 3  # of the graphs: raise it when they change
MAX_MODELS = 8  # cached for each runtime; the least recently used one is removed


def cache_folder() -> Path:
    """`~/.cache/streamer` on Linux."""
    return platformdirs.user_cache_path("streamer", appauthor=False)


class GraphCache:
    """One model's graphs for one runtime, in the user's cache folder.

    `version` is of the library that converts them, `weights` the model's fingerprint. A folder that cannot be created
    or written costs only time.
    """

    def __init__(self, runtime: str, version: str, weights: str) -> None:
        below = cache_folder() / runtime
        self.folder = below / hashlib.sha256(json.dumps([FORMAT, version, weights]).encode()).hexdigest()[:24]
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)  # the time of its last use
            others = [other for other in below.iterdir() if other != self.folder]
            others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
            for old in others[MAX_MODELS - 1 :]:
                shutil.rmtree(old, ignore_errors=True)

    def get(self, name: str) -> Path | None:
        """The file of that name; None unless an earlier start wrote it."""
        file = self.folder / name
        return file if file.exists() else None

    def put(self, name: str, write: Callable[[Path], object], *, sidecar: str | None = None) -> None:
        """Store the file that `write` writes to the path it gets, whole or not at all.

        `sidecar` is the suffix of a second file that it writes beside the first, such as OpenVINO's weights.
        """
        file = self.folder / name

        def both(part: Path) -> None:
            try:
                write(part)
                if sidecar is not None:
                    write_atomically(file.with_suffix(sidecar), part.with_suffix(sidecar).replace)
            finally:
                if sidecar is not None:
                    part.with_suffix(sidecar).unlink(missing_ok=True)  # half of it would fill a full disk

        try:
            write_atomically(file, both)
        except (OSError, RuntimeError) as error:
            log.warning("%s: cannot be cached, so the next start converts again (%s)", file, error)


def fingerprint(model: Any) -> str:
    """Of a loaded model's weights and config."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:24]
