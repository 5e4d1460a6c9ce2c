"""Which runtime is chosen, what it keeps on disk, and what it says where it cannot run."""

import logging

import numpy as np
import pytest
import torch

from streamer.edgetam import openvino, runtimes
from streamer.edgetam.tracker import Rules, StreamingTracker
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.types import Frame, Prompt, Remove

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache folder of this module's own, filled by the first test that converts."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def test_auto_takes_openvino_on_the_cpu_and_torch_elsewhere():
    assert runtimes.choose("auto", CPU) == "openvino"
    assert runtimes.choose("auto", CUDA) == "torch"
    assert runtimes.choose("torch", CPU) == "torch"


def test_a_runtime_that_cannot_run_is_refused_with_the_remedy(monkeypatch):
    with pytest.raises(UsageError, match="known: auto, torch, openvino"):
        runtimes.choose("tensorrt", CPU)
    with pytest.raises(UsageError, match="use device cpu or runtime torch"):
        runtimes.choose("openvino", CUDA)
    monkeypatch.setattr(runtimes, "find_spec", lambda _name: None)
    assert runtimes.choose("auto", CPU) == "torch"
    with pytest.raises(UsageError, match=r"pip install 'streamer\[openvino\]'"):
        runtimes.choose("openvino", CPU)


def test_both_runtimes_agree_while_objects_join_and_leave(nano, scene, kept):
    """No number of objects or memories is compiled in."""
    trackers = [StreamingTracker(nano, Rules(), runtimes.start(name, nano)) for name in ("torch", "openvino")]
    truth = scene.truth(0)
    commands = {
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
    first = openvino.OpenVinoRuntime(nano)
    folder = kept / "streamer" / "openvino" / openvino.fingerprint(nano.model)
    assert sorted(file.name for file in folder.glob("*.xml")) == ["encode.xml", "follow.xml", "remember.xml"]
    pixels = torch.rand(1, 3, nano.size, nano.size)
    monkeypatch.setattr(openvino, "convert", lambda *_: pytest.fail("converted again"))
    again = openvino.OpenVinoRuntime(nano)
    torch.testing.assert_close(again.encode(pixels).top_gchw, first.encode(pixels).top_gchw)


def test_a_broken_file_in_the_cache_is_converted_again(nano, kept, caplog):
    openvino.OpenVinoRuntime(nano)
    file = kept / "streamer" / "openvino" / openvino.fingerprint(nano.model) / "encode.xml"
    file.write_text("<net")
    with caplog.at_level(logging.WARNING):
        openvino.OpenVinoRuntime(nano)
    assert "encode.xml: cannot be read, converted again" in caplog.text
    assert file.read_text().startswith("<?xml")


def test_a_cache_that_cannot_be_written_costs_only_time(nano, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with caplog.at_level(logging.WARNING):
        openvino.keep(openvino.convert(openvino.Encode(nano.model), nano), openvino.cache_folder() / "x" / "encode.xml")
    assert "the next start converts again" in caplog.text


def test_nothing_is_reported_to_anybody():
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_a_memory_of_one_weight_more_is_another_fingerprint(nano):
    before = openvino.fingerprint(nano.model)
    weight = nano.model.no_memory_embedding
    kept_value = weight.clone()
    try:
        weight += 1e-3
        assert openvino.fingerprint(nano.model) != before
    finally:
        weight.copy_(kept_value)
    assert openvino.fingerprint(nano.model) == before
