"""Exported graphs in programs of their own, without torch."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.steps import GRAPHS
from streamer.edgetam.tracker import StreamingTracker
from streamer.masks import box_of, iou
from streamer.types import Frame, Prompt
from tests.process.processes import finish, streamer

pytestmark = pytest.mark.timeout(300)
FRAMES = 20  # more than there are memories and pointers

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import cv2, numpy as np
sys.path.insert(0, sys.argv[1])
from track import BoxTracker
tracker, box = BoxTracker(), tuple(map(float, sys.argv[3:7]))
masks = []
for index in range(int(sys.argv[7])):
    masks.append(tracker.track(cv2.imread(f"{sys.argv[2]}/{index:02d}.png"), box if index == 0 else None))
np.save(f"{sys.argv[2]}/masks.npy", masks)
"""


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Exports a kind once; the folder, and what was said of it."""

    @functools.cache
    def export(kind: str) -> tuple[Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp(kind) / "graphs"
        return out, finish(streamer("export", str(out), "--format", kind, "--json"), timeout=200)

    return export


@pytest.mark.parametrize("kind", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_the_example_tracks_as_the_tracker_does(kind, export, nano, scene, tmp_path):
    (out, written), pictures = export(kind), tmp_path / "pictures"
    pictures.mkdir()
    assert len(written["bytes"]) == len(GRAPHS)
    assert all(size > 1e6 for size in written["bytes"].values())
    assert "b x m" in (out / "README.md").read_text()
    box, tracker, expected = (
        box_of(scene.truth(0)[1]),
        StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)),
        [],
    )
    for index in range(FRAMES):
        image = scene.draw(index)[0]
        cv2.imwrite(str(pictures / f"{index:02d}.png"), image[..., ::-1])
        (track,) = tracker.track(Frame.from_image(image, index=index), [Prompt(1, box=box)] if index == 0 else [])
        expected.append(track.mask)
    words = [sys.executable, "-c", WITHOUT_TORCH, out, pictures, *box, FRAMES]
    subprocess.run([str(word) for word in words], check=True, timeout=100)
    overlaps = [iou(found, true) for found, true in zip(np.load(pictures / "masks.npy"), expected, strict=True)]
    assert min(overlaps) > 0.97  # pictures are made smaller by another library
    assert json.loads((out / "settings.json").read_text())["size"] == nano.size


def test_a_video_is_tracked_by_the_example_s_command(export, scene, tmp_path):
    clip, drawn = tmp_path / "clip.mp4", tmp_path / "drawn.mp4"
    height, width, _ = scene.draw(0)[0].shape
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 15, (width, height))
    for index in range(12):
        writer.write(scene.draw(index)[0][..., ::-1])
    writer.release()
    words = [sys.executable, export("onnx")[0] / "track.py", clip, 100, 100, 300, 250, drawn]
    subprocess.run([str(word) for word in words], check=True, timeout=100)
    capture = cv2.VideoCapture(str(drawn))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 12
