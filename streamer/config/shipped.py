"""Configurations found by name, `streamer run webcam`: the user's own, and the ones that the package ships."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from streamer.errors import UsageError

FOLDER = Path(__file__).parents[1] / "configs"


def names() -> list[str]:
    """The files, each by the name that finds it; a YAML file goes without its ending."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return [path.relative_to(FOLDER).as_posix().removesuffix(".yaml") for path in files]


def user_folder() -> Path:
    """The user's own configurations (`~/.config/streamer` on Linux)."""
    return platformdirs.user_config_path("streamer", appauthor=False)


def find(path: Path) -> Path:
    """A path that exists, or else the file of that name in the user's folder or in the package; raises UsageError."""
    if path.exists():
        return path
    name = path.as_posix()
    if path.is_absolute() or ".." in path.parts:
        return path
    for folder in (user_folder(), FOLDER):
        for file in (folder / f"{name}.yaml", folder / name):
            if file.is_file():
                return file
    if path.suffix or len(path.parts) > 1:
        return path  # a file name: reading it raises the error
    raise UsageError(f"{name}: no such file, and no configuration of that name; known: {', '.join(names())}")
