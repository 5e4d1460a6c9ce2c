"""Files that are written whole or not at all, whatever ends the program."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(file: Path, data: bytes | Callable[[Path], object], *, mode: int | None = None) -> None:
    """Put `data` into `file`: a reader sees the old content or the new one, also after a power failure.

    `data` is the content, or a function that writes it to its argument, a path. The parent folder is created. `mode`
    are the new file's permission bits; None leaves them to the umask. Raises OSError, with the old content in place.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        if mode is not None:
            part.touch(mode)
        if callable(data):
            data(part)
        else:
            part.write_bytes(data)
        _sync(part)
        part.replace(file)
        _sync(file.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
