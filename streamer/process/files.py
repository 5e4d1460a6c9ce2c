"""Files that are written whole or not at all, whatever ends the program."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from streamer.errors import UsageError


def refuse_overwriting(inputs: Iterable[Path], files: Iterable[Path], folders: Iterable[Path] = ()) -> None:
    """Raise UsageError where an output is an input, by whichever name or link: an input is never written over.

    `files` are written; in `folders` PNG files are.
    """
    read = list(inputs)
    for path in (*files, *folders):
        for each in read:
            if _same(path, each):
                raise UsageError(f"{path}: is an input and would be written over; give the output another name")
    for folder in folders:
        for each in read:
            if each.suffix.lower() == ".png" and _same(folder, each.parent):
                raise UsageError(
                    f"{folder}: holds the input {each.name}, which may be written over; give another folder"
                )


def exists(path: Path | str) -> bool:
    """Whether a path exists; false also for a name that no file can have."""
    try:
        return str(path) != "" and Path(path).exists()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:  # one of them is not there yet
        return a.resolve() == b.resolve()


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
