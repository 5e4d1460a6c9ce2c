"""Which runtime is chosen, what it keeps on disk, and what it says where it cannot run."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes import cache, conversion, onnx
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.steps import GRAPHS
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import UsageError
from streamer.masks import box_of, iou
from streamer.types import Command, Frame, Prompt, Remove
from tests.requirements import package, require

CPU, CUDA = "cpu", "cuda"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache folder of this module's own, filled by the first test that converts."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def kept_by_openvino(checkpoint):
    return runtimes.graph_cache("openvino", cache.fingerprint(checkpoint.model)).folder


def test_auto_takes_openvino_on_the_cpu_and_torch_elsewhere():
    assert runtimes.choose("auto", CPU) == "openvino"
    assert runtimes.choose("auto", CUDA) == "torch"
    assert runtimes.choose("torch", CPU) == "torch"


def test_a_runtime_that_cannot_run_is_refused_with_the_remedy(monkeypatch):
    with pytest.raises(
        UsageError, match="known: auto, torch, compile, openvino, openvino-int8, onnx, tensorrt, transformers"
    ):
        runtimes.choose("tpu", CPU)
    with pytest.raises(UsageError, match="use device cpu or runtime torch"):
        runtimes.choose("openvino", CUDA)
    monkeypatch.setattr(runtimes, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'streamer\[torch\]'"):
        runtimes.choose("auto", CPU)
    with pytest.raises(UsageError, match=r"pip install 'streamer\[openvino\]'"):
        runtimes.choose("openvino", CPU)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["openvino", pytest.param("onnx", marks=pytest.mark.slow)])
def test_runtimes_agree_with_torch_while_objects_join_and_leave(name, nano, scene, kept):
    """No number of objects or memories is compiled in."""
    trackers = [
        StreamingTracker(runtimes.start(each, nano), TrackingSettings(extensions=False)) for each in ("torch", name)
    ]
    truth = scene.truth(0)
    commands: dict[int, list[Command]] = {
        0: [Prompt(1, box=box_of(truth[1]))],
        2: [Prompt(2, box=box_of(truth[2])), Prompt(3, box=box_of(truth[3]))],
        5: [Remove(1)],
        9: [Prompt(2, points=((320, 180),), labels=(1,), mode="refine")],
    }
    for index in range(12):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        plain, compiled = (tracker.track(frame, commands.get(index, ())) for tracker in trackers)
        assert [t.object_id for t in plain] == [t.object_id for t in compiled]
        for a, b in zip(plain, compiled, strict=True):
            np.testing.assert_allclose(a.logits, b.logits, atol=1e-3)


def test_the_second_start_reads_what_the_first_kept(nano, kept, monkeypatch, caplog):
    first = runtimes.start("openvino", nano)
    folder = kept_by_openvino(nano)
    assert {file.stem for file in folder.glob("*.xml")} == set(GRAPHS)
    pixels = np.random.default_rng(0).random((3, nano.size, nano.size), np.float32)
    monkeypatch.setattr(conversion, "to_openvino", lambda *_: pytest.fail("converted again"))
    again = runtimes.start("openvino", nano)
    for seen, expected in zip(again.encode_images([pixels])[0], first.encode_images([pixels])[0], strict=True):
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_a_broken_file_in_the_cache_is_converted_again(nano, kept, caplog):
    runtimes.start("openvino", nano)
    file = kept_by_openvino(nano) / "image_encoder.xml"
    file.write_text("<net")
    with caplog.at_level(logging.WARNING):
        runtimes.start("openvino", nano)
    assert "image_encoder.xml: cannot be read, converted again" in caplog.text
    assert file.read_text().startswith("<?xml")


def test_a_cache_that_cannot_be_written_costs_only_time(nano, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    graphs = cache.GraphCache("openvino", "1", "weights")
    graphs.put("image_encoder.xml", lambda part: part.write_bytes(b"graph"))
    assert graphs.get("image_encoder.xml") is None
    assert "the next start converts again" in caplog.text


def test_a_graph_that_does_not_fit_on_the_disk_leaves_nothing_behind(nano, tmp_path, monkeypatch, caplog):
    def fill(part):
        part.with_suffix(".bin").write_bytes(b"half of the weights")
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    graphs = cache.GraphCache("openvino", "1", "weights")
    graphs.put("image_encoder.xml", fill, sidecar=".bin")
    assert "cannot be cached" in caplog.text
    assert list(graphs.folder.iterdir()) == []


def test_models_that_were_not_used_for_longest_are_forgotten(nano, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    below = cache.GraphCache("openvino", "1", "weights").folder.parent
    for age in range(cache.MAX_MODELS + 2):
        (below / f"old{age}").mkdir()
        os.utime(below / f"old{age}", (0, 1_000_000 - age))
    mine = cache.GraphCache("openvino", "2", "weights").folder
    left = {folder.name for folder in below.iterdir()}
    assert len(left) == cache.MAX_MODELS
    assert mine.name in left
    assert "old0" in left
    assert f"old{cache.MAX_MODELS + 1}" not in left


SIGNAL_AFTER_TWO = """
import gc, signal
from streamer.edgetam import open_tracker
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
first, second = open_tracker(runtime="openvino"), open_tracker(runtime="openvino")
del first; gc.collect()
del second; gc.collect()
block = [bytearray(9968) for _ in range(100)]
signal.raise_signal(signal.SIGUSR1)
"""


def test_a_signal_after_two_trackers_have_gone_is_handled(kept):
    """With an OpenVINO core for each tracker this was a segmentation fault."""
    done = subprocess.run([sys.executable, "-c", SIGNAL_AFTER_TWO], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.timeout(300)
def test_an_encoder_in_integers_finds_much_the_same_masks(nano, scene, kept):
    require("nncf", package("nncf"), "pip install 'streamer[int8]'")
    trackers = [
        StreamingTracker(runtimes.start(name, nano), TrackingSettings(extensions=False))
        for name in ("openvino", "openvino-int8")
    ]
    prompt = Prompt(1, box=box_of(scene.truth(0)[1]))
    for index in range(5):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        (plain,), (integers,) = (tracker.track(frame, [prompt] if index == 0 else []) for tracker in trackers)
        assert iou(plain.mask, integers.mask) > 0.85
        assert not np.array_equal(plain.logits, integers.logits)


@pytest.mark.parametrize(
    ("name", "device", "available", "expected"),
    [
        ("onnx", "cpu", ["CPUExecutionProvider"], ["CPUExecutionProvider"]),
        ("onnx", "cuda", ["CUDAExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("onnx", "mps", ["CoreMLExecutionProvider"], ["CoreMLExecutionProvider", "CPUExecutionProvider"]),
    ],
)
def test_the_device_says_which_provider_runs_onnx(name, device, available, expected, tmp_path):
    assert onnx.providers(name, device, available, tmp_path) == expected


def test_tensorrt_keeps_its_engines_and_falls_to_cuda_for_what_it_cannot(tmp_path):
    first, *rest = onnx.providers("tensorrt", "cuda", [onnx.TENSORRT, "CUDAExecutionProvider"], tmp_path)
    assert first == (onnx.TENSORRT, {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(tmp_path)})
    assert rest == ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("tensorrt", "cpu", "runs on CUDA, not on cpu; use runtime onnx"),
        ("onnx", "cuda", "has no CUDAExecutionProvider .*pip install onnxruntime-gpu"),
    ],
)
def test_a_provider_that_is_not_there_is_named(name, device, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        onnx.providers(name, device, ["CPUExecutionProvider"], tmp_path)


def test_nothing_is_reported_to_anybody():
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_a_memory_of_one_weight_more_is_another_fingerprint(nano):
    before = cache.fingerprint(nano.model)
    weight = nano.model.no_memory_embedding
    kept_value = weight.clone()
    try:
        weight += 1e-3
        assert cache.fingerprint(nano.model) != before
    finally:
        weight.copy_(kept_value)
    assert cache.fingerprint(nano.model) == before
