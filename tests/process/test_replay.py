"""A recorded run after kill -9, and `streamer replay` as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tests.waiting import wait

STREAMER = [sys.executable, "-m", "streamer"]
SCENE = "scene:?objects=2&size=320x180&frames=0&realtime&fps=20"


def streamer(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STREAMER, *words], capture_output=True, text=True, timeout=60, check=False)


def test_a_run_that_was_killed_is_read_and_tracked_again(tmp_path):
    file = tmp_path / "run.mcap"
    words = ["run", "--source", SCENE, "--model", "still", "--box", "1:truth", "--motion", "enabled=false"]
    words += ["--sink", f"{file}?images=png"]
    process = subprocess.Popen([*STREAMER, *words], stderr=subprocess.DEVNULL)
    wait(lambda: file.exists() and file.stat().st_size > 2_000_000)
    began = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = streamer("replay", str(file), "--track", "--json")
    found = json.loads(done.stdout)
    assert found["first"] is None and found["masks"] == found["frames"] > 10
    assert done.returncode == 1 and "breaks off: it was cut off" in done.stderr
    assert time.monotonic() - began < 30

    played = streamer("replay", str(file), "--speed", "0", "--to", "0.4", "--sink", str(tmp_path / "again.jsonl"))
    assert played.returncode == 0 and "frames" in played.stderr
    lines = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    indexes = [line["index"] for line in lines if "objects" in line]
    assert indexes and indexes == sorted(indexes) and indexes[-1] <= indexes[0] + 9

    done = streamer("convert", str(file), "--format", "coco,davis", "--out", str(tmp_path), "--json")
    written = json.loads(done.stdout)
    assert written["masks"] == found["masks"]
    assert len(list((tmp_path / "coco/images/default").iterdir())) == written["frames"]


def test_what_cannot_be_replayed_is_one_line(tmp_path):
    done = streamer("replay", str(tmp_path / "none.mcap"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "No such file" in done.stderr
    (tmp_path / "none.mcap").write_text("a text that is long enough")
    done = streamer("replay", str(tmp_path / "none.mcap"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "is not an MCAP file" in done.stderr
