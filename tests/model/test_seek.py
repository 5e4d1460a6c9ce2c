"""Where a lost object is looked for, and what is not taken for it."""

import numpy as np
import pytest

from streamer.edgetam.search_window import Crop
from streamer.edgetam.seek import AT_A_TIME, seek_crops, shows_another, without

HEIGHT, WIDTH = 360, 640


def box_mask(x0, y0, x1, y1):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("side", [20.0, 90.0, 250.0, 5000.0])
def test_the_turns_show_every_place_of_the_frame_and_each_costs_a_few_crops(side):
    seen, whole = np.zeros((HEIGHT, WIDTH), bool), Crop(0, 0, WIDTH, HEIGHT)
    turns = [seek_crops(side, HEIGHT, WIDTH, turn) for turn in range(200)]
    for crop in (crop for crops in turns for crop in crops if crop != whole):
        seen[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width] = True
    assert seen.all()
    assert any(whole in crops for crops in turns)
    assert max(map(len, turns)) <= AT_A_TIME


def test_other_objects_are_painted_over_with_what_is_around_them_and_nothing_else_changes():
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[100:200, 100:200] = (250, 20, 20)
    image[300:310, 300:310] = 7
    painted = without(image, [box_mask(100, 100, 200, 200)])
    assert np.abs(painted[100:200, 100:200].astype(int) - 90).max() <= 2
    assert (painted[300:310, 300:310] == 7).all()
    assert without(image, []) is image


def test_a_frame_that_is_all_other_objects_is_painted_in_its_mean_colour():
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    assert without(image, [np.ones((HEIGHT, WIDTH), bool)]).std() < 3


@pytest.mark.parametrize(
    ("found", "another"), [((0, 0, 50, 50), False), ((80, 80, 140, 140), True), ((110, 110, 120, 120), True)]
)
def test_a_find_that_covers_another_object_is_that_object(found, another):
    assert shows_another(box_mask(*found), [box_mask(100, 100, 200, 200)]) is another
