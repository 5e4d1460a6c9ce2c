"""Annotators' formats, read by the tools that annotators use: supervision, datumaro, trackeval, FiftyOne."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from streamer.formats.writers import FORMATS, open_writer
from tests.requirements import require, tool_python
from tests.unit.test_formats import CLIP, frames

SCRIPT = Path(__file__).with_name("read_annotations.py")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("formats")
    for name in FORMATS:
        writer = open_writer(name, folder, CLIP)
        for frame in frames():
            writer.add(frame)
        writer.close()
    return folder


def read_with(tool: str, folder: Path, environment: str = "annotators") -> Any:
    python = tool_python(environment)
    require(environment, python, f"scripts/tool_environments {environment}")
    done = subprocess.run([python, SCRIPT, folder, tool], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_supervision_reads_the_same_masks_out_of_coco_and_of_yolo(written: Path):
    found = read_with("supervision", written)
    pixels = {frame.stem: sum(int(track.mask.sum()) for track in frame.seen) for frame in frames()}
    assert found["classes"] == [["cat", "dog"], ["cat", "dog"]]
    assert found["coco"] == pixels
    assert found["yolo"] == pytest.approx(pixels, rel=0.15)  # it paints polygons with their rim


def test_datumaro_reads_the_track_ids_of_coco_cvat_and_mots(written: Path):
    found = read_with("datumaro", written)
    ids = {frame.stem[-4:]: [track.object_id for track in frame.seen] for frame in frames()}
    assert found["coco"] == found["mots"] == ids
    assert found["cvat"] == ids | {"0002": [1, 2]}  # where a track is `outside`, datumaro has its shape too


def test_trackeval_finds_davis_and_youtube_vis_equal_to_themselves(written: Path):
    found = read_with("trackeval", written)
    assert found["DAVIS"]["general"] == pytest.approx(1.0)
    assert found["YouTubeVIS"] == pytest.approx(dict.fromkeys(found["YouTubeVIS"], 1.0))
    assert {"cat", "dog"} <= set(found["YouTubeVIS"])


def test_fiftyone_reads_the_masks_of_coco(written: Path):
    found = read_with("fiftyone", written, "fiftyone")
    assert found == {
        frame.stem: [[one.object_id, CLIP.category(one.object_id), int(one.mask.sum())] for one in frame.seen]
        for frame in frames()
    }
