"""A model's name to a ready runtime: graphs where they are there, a checkpoint with torch otherwise."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam import open_tracker, opening
from streamer.edgetam.opening import NANO, NANO_GRAPHS, SETTINGS, fingerprint_of_files, open_runtime
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import ModelError, UsageError
from streamer.masks import box_of, iou
from streamer.types import Frame, Prompt

HIDDEN = ("torch", "torchvision", "transformers", "timm")
WITHOUT_TORCH = f"""
import sys
sys.modules |= dict.fromkeys({HIDDEN!r})  # an import of them fails
import numpy as np
from streamer.edgetam import open_segmenter, open_tracker
from streamer.types import Frame, Prompt
frame = Frame.from_image(np.zeros((90, 160, 3), np.uint8), index=0)
tracker = open_tracker(sys.argv[1])
mask = np.zeros((90, 160), bool)
mask[20:60, 30:70] = True
prompts = [Prompt(1, box=(20, 20, 60, 60)), Prompt(2, points=((80, 40),), labels=(1,)), Prompt(3, mask=mask)]
print(len(tracker.track(frame, prompts)), len(tracker.track(frame)))
segmenter = open_segmenter(sys.argv[1])
print(len(segmenter.segment(segmenter.embed([frame.image])[0], prompts, candidates=True)))
"""


def test_the_graphs_in_the_package_are_of_its_checkpoint(nano):
    """Else: scripts/nano_graphs.py."""
    said = json.loads((NANO_GRAPHS / SETTINGS).read_text())
    assert said["files"] == fingerprint_of_files(NANO)
    assert said["size"] == nano.size
    assert sum(file.stat().st_size for file in NANO.rglob("*") if file.is_file()) <= 25e6


def test_graphs_of_half_weights_find_the_masks_of_the_checkpoint(nano, scene):
    """Logits differ in the third decimal."""
    whole = StreamingTracker(runtimes.start("torch", nano), TrackingSettings(extensions=False))
    half = open_tracker("nano", device="cpu", runtime="openvino", tracking=TrackingSettings(extensions=False))
    prompts = [Prompt(number, box=box_of(mask)) for number, mask in scene.truth(0).items()]
    for index in range(8):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        for a, b in zip(*(each.track(frame, prompts if index == 0 else ()) for each in (whole, half)), strict=True):
            assert iou(a.mask, b.mask) >= 0.99


def test_nano_tracks_and_segments_where_torch_cannot_be_imported():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, "nano"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["3", "3", "3"]), done.stderr


@pytest.fixture
def export(tmp_path):
    """A folder as `streamer export` writes it, but for its README."""
    folder = tmp_path / "graphs"
    shutil.copytree(NANO_GRAPHS, folder)
    return folder


def test_an_exported_folder_is_a_model_that_needs_no_torch(export):
    words = [sys.executable, "-c", WITHOUT_TORCH, str(export)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["3", "3", "3"]), done.stderr
    with pytest.raises(UsageError, match="was exported for size 256, not 512; leave size out"):
        open_runtime(str(export), 512, "cpu", "auto")
    with pytest.raises(UsageError, match="was exported for runtime openvino; leave runtime torch out"):
        open_runtime(str(export), None, "cpu", "torch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "have format 1, and this version reads .*export it again"),
        ({"pointers": None}, "settings.json cannot be read"),
    ],
)
def test_an_export_of_another_version_is_refused_in_a_line(export, change, message):
    said = json.loads((export / SETTINGS).read_text()) | change
    (export / SETTINGS).write_text(json.dumps(said))
    with pytest.raises(ModelError, match=message):
        open_runtime(str(export), None, "cpu", "auto")


def test_a_graph_that_is_broken_or_missing_is_named(export):
    (export / "memory_encoder.xml").write_text("<net")
    with pytest.raises(ModelError, match=r"memory_encoder.xml: cannot be read .*write it again with streamer export"):
        open_runtime(str(export), None, "cpu", "auto")
    (export / "memory_encoder.xml").unlink()
    with pytest.raises(ModelError, match=r"memory_encoder.xml: no such file"):
        open_runtime(str(export), None, "cpu", "auto")


def test_without_torch_a_checkpoint_and_its_runtimes_name_what_to_install(monkeypatch):
    for module in (opening, runtimes):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name in HIDDEN else True)
    with pytest.raises(ModelError, match=r"install it with: pip install 'streamer\[torch\]'"):
        open_runtime("full-random", None, "auto", "auto")
    with pytest.raises(UsageError, match=r"runtime torch is not installed.*streamer\[torch\]"):
        open_runtime("nano", None, "auto", "torch")
    with pytest.raises(UsageError, match=r"device cuda needs torch"):
        open_runtime("nano", None, "cuda", "auto")


def test_a_checkpoint_s_fingerprint_is_of_its_weights(tmp_path):
    for name in ("config.json", "processor_config.json"):
        shutil.copyfile(NANO / name, tmp_path / name)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    before = fingerprint_of_files(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"automatic_masks": {"stability": 0.9}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert fingerprint_of_files(tmp_path) == before
    weights.write_bytes(b"two")
    assert fingerprint_of_files(tmp_path) != before


def test_candidates_choose_the_surest_and_hide_what_is_not_there():
    from streamer.edgetam.runtimes.port import NO_OBJECT_LOGIT, Candidates

    logits = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 2, 2)
    ious, there = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]], np.float32), np.array([2.0, -2.0], np.float32)
    found = Candidates(logits, ious, there, [["a", "b", "c"], ["d", "e", "f"]])
    assert (found.best(0).pointer, found.best(1).pointer) == ("b", "d")
    np.testing.assert_array_equal(found.best(0).logits_hw, logits[0, 1])
    assert (found.best(1).logits_hw == NO_OBJECT_LOGIT).all()
