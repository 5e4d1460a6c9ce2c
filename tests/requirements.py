"""Tools that some tests need: without one they are skipped, and fail where STREAMER_REQUIRE names it.

`STREAMER_REQUIRE=browser,mqtt,netns` is a list with commas; `.ci/run` sets all that its machine can give.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import pytest

NAMES = (
    "browser",
    "clips",
    "gcc",
    "mqtt",
    "netns",
    "nncf",
    "node",
    "openssl",
    "original",
    "root",
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
