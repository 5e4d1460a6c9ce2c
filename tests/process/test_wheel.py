"""The wheel, installed in a virtual environment of its own, runs the demo from another folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import streamer
from tests.process.processes import ROOT

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "streamer")


def done(*words: object, cwd: Path) -> str:
    """What a program prints on stdout; fails with its last lines of stderr."""
    ended = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no older build's files get into it."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    done(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The folder of programs of a fresh environment; what streamer needs is read from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("fresh")
    done(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    done(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python.parent


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_runs_the_demo_from_another_folder(programs, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    where = done(programs / "python", "-c", "import streamer; print(streamer.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(programs.parent)
    assert done(programs / "streamer", "--version", cwd=tmp_path).split() == ["streamer", streamer.__version__]
    assert "webcam" in done(programs / "streamer", "configs", cwd=tmp_path).split()
    words = ("run", "file", "--model", "still", "--source", "scene:?frames=5", "--box", "1:truth", "--json")
    assert json.loads(done(programs / "streamer", *words, cwd=tmp_path))["frames_tracked"] == 5
    demo = ("demo", "--out", tmp_path / "demo.mp4", "--json")
    figures = json.loads(done(programs / "streamer", *demo, cwd=tmp_path))
    assert figures["mean_iou"] > 0.8
    assert (tmp_path / "demo.mp4").stat().st_size > 10_000


def test_the_wheel_has_the_weights_the_page_the_configurations_and_the_marker_of_types(wheel):
    names = set(done(sys.executable, "-m", "zipfile", "--list", wheel, cwd=wheel.parent).split())
    wanted = {path for path in (ROOT / "streamer").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path in wanted} - names == set()
