"""Peers that several files of tests use."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process import processes


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    processes.end_all()


@pytest.fixture(scope="session")
def fake_webcam(tmp_path_factory) -> dict[str, str]:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not on this machine, so no webcam can be faked")
    library = tmp_path_factory.mktemp("webcam") / "fake_v4l2.so"
    source = Path(__file__).with_name("fake_v4l2.c")
    built = subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"the fake webcam cannot be built here: {built.stderr[:200]}")
    return {"LD_PRELOAD": str(library)}
