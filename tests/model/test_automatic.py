"""Masks of everything, with the thresholds of the model's own config."""

import json
import logging

import cv2
import pytest

from streamer.cli import main
from streamer.config.stills import GridSettings
from streamer.edgetam.automatic import AutomaticMasks
from streamer.edgetam.finders import AutomaticFinder
from streamer.edgetam.image import ImageSegmenter
from streamer.edgetam.model_info import thresholds_of
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.types import Frame
from tests.model.drawings import BEAR, BOX, CLOCK, road, things


@pytest.fixture(scope="module")
def segmenter(nano):
    return ImageSegmenter(TorchRuntime(nano))


def box_iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_a_box_a_clock_and_a_toy_on_plain_ground_are_found(segmenter):
    found = AutomaticMasks(segmenter, GridSettings(points_per_side=16)).find(things())
    for name, drawn in (("box", BOX), ("clock", CLOCK), ("bear", BEAR)):
        assert max(box_iou(segment.box, drawn) for segment in found) > 0.8, name
    assert [segment.object_id for segment in found] == list(range(1, len(found) + 1))
    assert len(found) <= 6


def test_an_empty_road_holds_nothing_and_the_finder_says_once_what_came_nearest(segmenter, caplog):
    finder = AutomaticFinder(AutomaticMasks(segmenter, GridSettings(points_per_side=12)))
    with caplog.at_level(logging.WARNING):
        assert finder.find(Frame.from_image(road(), index=0, source="yard")) == []
        assert finder.find(Frame.from_image(road(), index=1, source="yard")) == []
    (said,) = caplog.messages
    assert said.startswith("yard: nothing to track; the best candidate has a predicted IoU of")
    assert "(more than 0.75)" in said
    assert said.endswith("lower find.min_score")


def test_segment_auto_names_the_best_candidate_where_none_is_kept(tmp_path, caplog, capsys):
    path = tmp_path / "road.png"
    cv2.imwrite(str(path), road())
    command = ["segment", str(path), "--auto", "--points-per-side", "6", "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["images"][0]["objects"] == []
    assert "road.png: no object; the best candidate has a predicted IoU of" in caplog.text
    assert "lower --min-iou or --min-stability" in caplog.text


def test_a_model_without_thresholds_of_its_own_has_those_of_mask_generation():
    assert thresholds_of(object()) == (0.88, 0.95, 0.0)
