"""The examples, as the documentation says to start them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import av
import pytest

from streamer.bus.publisher import Publisher
from streamer.masks import box_of
from streamer.video.scene import Scene, SceneSettings
from tests.fakes import result
from tests.process.processes import ROOT

SCENE = "scene:?seed=2&objects=3&fps=15&frames=5"


def start(name: str, *args: str, folder=ROOT) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *args]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_subscribe_prints_the_objects_and_says_when_nothing_comes():
    publisher, ended = Publisher("tcp://127.0.0.1:*"), threading.Event()

    def publish() -> None:
        while not ended.wait(0.05):
            publisher.write(result(7))
        publisher.close()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        process = start("subscribe", publisher.endpoint)
        line = process.stdout.readline()
    finally:
        ended.set()
        thread.join()
    _, errors = process.communicate(timeout=30)
    assert line == "7 1 tracked (3, 2, 20, 10) 136\n"
    assert "no fresh message within 5 s" in errors


@pytest.mark.timeout(180)
def test_the_pipeline_tracks_into_a_video_and_its_own_sink(tmp_path):
    box = box_of(Scene(SceneSettings(seed=2, objects=3, fps=15)).truth(0)[1])
    process = start("pipeline", SCENE, ",".join(map(str, box)), folder=tmp_path)
    printed, errors = process.communicate(timeout=150)
    assert process.returncode == 0, errors
    assert printed == "5 frames tracked, 0 dropped\n"
    lines = (tmp_path / "out" / "boxes.csv").read_text().splitlines()
    assert sum(line.split(",")[1:3] == ["1", "tracked"] for line in lines) == 5
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
