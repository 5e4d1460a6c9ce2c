"""Peers that several files of tests use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.process import processes
from tests.requirements import program, require


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    processes.end_all()


@pytest.fixture(scope="session")
def fake_webcam(tmp_path_factory) -> dict[str, str]:
    require("gcc", program("gcc"), "apt-get install gcc")
    library = tmp_path_factory.mktemp("webcam") / "fake_v4l2.so"
    source = Path(__file__).with_name("fake_v4l2.c")
    built = subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], capture_output=True, text=True, check=False
    )
    require("gcc", not built.returncode, f"the fake webcam cannot be built: {built.stderr[:200]}")
    return {"LD_PRELOAD": str(library)}
