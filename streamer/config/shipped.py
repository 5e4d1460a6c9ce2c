"""Configurations that the package ships, found by name: `streamer run webcam`."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import UsageError

FOLDER = Path(__file__).parents[1] / "configs"


def names() -> list[str]:
    """The files, each by the name that finds it; a YAML file goes without its ending."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return [path.relative_to(FOLDER).as_posix().removesuffix(".yaml") for path in files]


def find(path: Path) -> Path:
    """A path that exists, or else the shipped file of that name; raises UsageError."""
    if path.exists():
        return path
    name = path.as_posix()
    for shipped in (FOLDER / f"{name}.yaml", FOLDER / name):
        if name in names() and shipped.is_file():
            return shipped
    if path.suffix or len(path.parts) > 1:
        return path  # it names a file, and reading it says what is wrong
    raise UsageError(f"{name}: no such file, and no configuration of that name; known: {', '.join(names())}")
