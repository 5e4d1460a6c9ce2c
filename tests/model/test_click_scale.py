"""How large the object under a click is."""

import numpy as np
import pytest

from streamer.edgetam.click_scale import (
    ClickAnswer,
    agreement,
    box_in_frame,
    choose_answer,
    click_crops,
    touches_inner_border,
)
from streamer.edgetam.search_window import Crop, extent

HEIGHT, WIDTH = 360, 640


def answer(crop, x0, y0, x1, y1, iou=0.8):
    """A sharp mask of that box of the frame, as the logits of a crop."""
    ys, xs = (np.mgrid[:64, :64] + 0.5) / 64
    x, y = crop.x + xs * crop.width, crop.y + ys * crop.height
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    return ClickAnswer(crop, np.where(inside, 8.0, -8.0).astype(np.float32), iou)


def test_crops_grow_around_the_click_and_end_with_the_whole_frame():
    crops = click_crops([(320.0, 180.0)], HEIGHT, WIDTH)
    sides = [crop.width for crop in crops]
    assert sides == sorted(sides)
    assert sides[0] == 32
    assert crops[-1] == Crop(0, 0, WIDTH, HEIGHT)
    assert all(crop.holds((320.0, 180.0)) for crop in crops)


@pytest.mark.parametrize("point", [(0.0, 0.0), (639.0, 359.0), (3.5, 200.5)])
def test_crops_at_the_rim_stay_inside_the_frame_and_show_the_click(point):
    for crop in click_crops([point], HEIGHT, WIDTH):
        assert crop.x >= 0
        assert crop.y >= 0
        assert crop.x + crop.width <= WIDTH
        assert crop.y + crop.height <= HEIGHT
        assert crop.holds(point)


def test_all_crops_show_all_clicks():
    clicks = [(100.0, 100.0), (300.0, 140.0)]
    assert all(crop.holds(click) for crop in click_crops(clicks, HEIGHT, WIDTH) for click in clicks)


def test_a_frame_smaller_than_the_smallest_crop_is_looked_at_whole():
    assert click_crops([(5.0, 5.0)], 20, 30) == [Crop(0, 0, 30, 20)]


def test_an_answer_that_ends_where_its_crop_does_is_not_chosen_though_the_model_is_surer_of_it():
    tight, wide = Crop(300, 160, 40, 40), Crop(270, 130, 100, 100)
    cut_off, whole = answer(tight, 280, 140, 360, 220, iou=0.99), answer(wide, 290, 150, 350, 210, iou=0.6)
    assert touches_inner_border(cut_off, HEIGHT, WIDTH)
    assert choose_answer([cut_off, whole], HEIGHT, WIDTH) is whole


def test_an_object_at_the_frames_own_border_is_not_cut_off():
    assert not touches_inner_border(answer(Crop(0, 0, 64, 64), 0, 0, 30, 30), HEIGHT, WIDTH)


def test_the_answer_on_which_two_crops_agree_is_chosen():
    crops = [Crop(300, 160, 40, 40), Crop(285, 145, 70, 70), Crop(270, 130, 100, 100)]
    part = answer(crops[0], 315, 175, 327, 187, iou=0.85)
    agreed = [answer(crop, 305, 165, 335, 195) for crop in crops[1:]]
    assert agreement(*agreed) > 0.9
    assert choose_answer([part, *agreed], HEIGHT, WIDTH) in agreed


def test_an_answer_that_is_tiny_in_its_crop_gives_way():
    small, whole = answer(Crop(300, 160, 60, 60), 310, 170, 340, 200, iou=0.5), Crop(0, 0, WIDTH, HEIGHT)
    assert choose_answer([small, answer(whole, 310, 170, 340, 200, iou=0.9)], HEIGHT, WIDTH) is small


def test_where_the_model_sees_nothing_nothing_is_chosen():
    nothing = ClickAnswer(Crop(0, 0, WIDTH, HEIGHT), np.full((64, 64), -5.0, np.float32), 0.9)
    assert choose_answer([nothing], HEIGHT, WIDTH) is None
    assert choose_answer([], HEIGHT, WIDTH) is None


def test_a_box_comes_back_in_pixels_of_the_frame():
    one = answer(Crop(100, 100, 128, 128), 120, 130, 160, 180)
    assert box_in_frame(extent(one.logits_hw), one) == (120, 130, 160, 180)
