"""Tools that some tests need: without one they are skipped, and fail where STREAMER_REQUIRE names it.

`STREAMER_REQUIRE=browser,mqtt,netns` is a list with commas; `.ci/run` sets all that its machine can give.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = (
    "annotators",
    "browser",
    "caddy",
    "clips",
    "fiftyone",
    "gcc",
    "mqtt",
    "netns",
    "nginx",
    "nncf",
    "node",
    "openssl",
    "original",
    "promtool",
    "root",
    "ros2",
    "tmpfs",
    "vos-benchmark",
    "xvfb",
)


def require(name: str, available: object, remedy: str) -> None:
    """Skip the test unless the tool is available; fail if STREAMER_REQUIRE names it."""
    assert name in NAMES, f"{name} is no requirement that tests know; known: {', '.join(NAMES)}"
    if available:
        return
    if name in os.environ.get("STREAMER_REQUIRE", "").split(","):
        pytest.fail(f"STREAMER_REQUIRE asks for {name}, which is missing: {remedy}", pytrace=False)
    pytest.skip(f"{name} is missing: {remedy}")


def program(*names: str) -> str | None:
    """The path of the first of these programs that is installed, also in /usr/sbin."""
    paths = (shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") for name in names)
    return next((path for path in paths if path), None)


def package(name: str) -> bool:
    """Whether a Python package is installed."""
    return find_spec(name) is not None


def tool_python(name: str) -> Path | None:
    """The interpreter of an environment of `scripts/tool_environments`; None where it was not made."""
    folder = Path(os.environ.get("STREAMER_TOOLS", ROOT / ".tools"))
    python = folder / name / "bin" / "python"
    return python if python.exists() else None
