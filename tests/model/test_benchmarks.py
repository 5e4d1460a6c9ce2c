"""The engine's benchmark on the embedded checkpoint; its figures are for people, its refusals for everybody."""

import copy

import pytest

from streamer.bench import engine, live, original, recorded
from streamer.cli import main
from streamer.edgetam import weights
from streamer.errors import StreamerError


def test_the_race_counts_times_work_and_agreement():
    figures = engine.engine("nano", None, [1, 2], 1, "torch")
    one, two = figures["counts"]
    assert figures["model"]["runtime"] == "torch"
    assert (one["objects"], two["objects"]) == (1, 2)
    for row in (one, two):
        assert row["min_iou"] > 0.999
        assert row["visible"] == 1
        assert row["ratio"] == pytest.approx(row["reference_ms"] / row["ours_ms"], rel=0.01)
        assert row["gflops_reached"] == pytest.approx(row["gflop_per_frame"] / row["ours_ms"] * 1000, rel=0.02)
    assert 1.2 < two["gflop_per_frame"] / one["gflop_per_frame"] < 2  # the picture is encoded once for both


def test_two_different_things_have_no_ratio(monkeypatch):
    def load(name, *, size=None, merge=True):
        checkpoint = copy.deepcopy(loaded(name, size=size, merge=merge))
        if not merge:
            checkpoint.model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(-50)  # nothing is there
        return checkpoint

    loaded = weights.load
    monkeypatch.setattr(engine, "load", load)
    with pytest.raises(StreamerError, match="there is no ratio of two different things"):
        engine.engine("nano", None, [1], 1, "torch")


def test_a_crowd_comes_and_goes():
    figures = live.crowd("nano", 12, 3)
    assert (figures["frames"], figures["most_objects"]) == (12, 3)
    assert figures["rss_mb"]["end"] > 100


def test_stills_and_recordings_are_measured():
    stills, film = recorded.image("nano", 2), recorded.video("nano", 60)
    assert stills["batch_to_single_lowest_iou"] >= 0.999
    assert 0 < stills["further_to_first"] < 1
    assert (film["frames"], film["objects"]) == (60, 2)
    assert film["rss_mb"]["end"] > 100


def test_the_original_code_is_named_where_it_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(original, "find_spec", lambda _name: None)
    assert main(["bench", "engine", "--against", "original", "--frames", "1"]) == 2
    assert "pip install 'streamer[original]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["engine", "--objects", "1,x"], "--objects 1,x: give numbers of 1 or more"),
        (["engine", "--objects", "99"], "--objects 99: the scene has at most 32"),
        (["pipeline", "--objects", "1,2"], "--objects 1,2: one number, except for engine"),
        (["memory", "--frames", "0"], "--frames 0: give 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(words, message, capsys):
    assert main(["bench", *words]) == 2
    assert message in capsys.readouterr().err
