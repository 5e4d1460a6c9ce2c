"""What goes wrong around a server: its database is locked, its disk is full, its cameras die or fall silent."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from streamer.soak.http_camera import HttpCamera

DISK_MB = 24
EVERY_S = (0.5, 3.0)  # from the end of a fault to the next one
LASTS_S = (0.5, 5.0)
FAULTS = ("locked", "full", "dead", "silent")


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A small disk of its own where this user may mount one, else a plain folder, which is never filled."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and not subprocess.run(words, capture_output=True, check=False).returncode
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


class Havoc:
    """One fault at a time; call `step` often, from one thread."""

    def __init__(self, cameras: Sequence[HttpCamera], space: Path, journal: Path, rng: random.Random) -> None:
        self.tried: Counter[str] = Counter()
        self._cameras, self._space, self._journal, self._rng = cameras, space, journal, rng
        self._lock: sqlite3.Connection | None = None
        self._next_s = 0.0  # when a fault begins or ends
        self._broken = False

    def step(self, now_s: float) -> None:
        """Begin a fault, or end the one there is, once its time has come."""
        if now_s < self._next_s:
            return
        if self._broken:
            self.repair()
            self._next_s = now_s + self._rng.uniform(*EVERY_S)
            return
        self._begin(self._rng.choice(FAULTS))
        self._broken = True
        self._next_s = now_s + self._rng.uniform(*LASTS_S)

    def repair(self) -> None:
        """Everything works again."""
        self._broken = False
        self._filler.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        for camera in self._cameras:
            camera.revive()

    @property
    def _filler(self) -> Path:
        return self._space / "filler"

    def _begin(self, fault: str) -> None:
        match fault:
            case "locked":
                self._lock = sqlite3.connect(self._journal, isolation_level=None, timeout=1.0)
                with contextlib.suppress(sqlite3.OperationalError):
                    self._lock.execute("begin immediate")
            case "full" if self._space.is_mount():
                with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
                    file.write(bytes(DISK_MB << 20))
            case "dead":
                self._rng.choice(self._cameras).die()
            case _:
                fault = "silent"
                self._rng.choice(self._cameras).silent = True
        self.tried[fault] += 1
