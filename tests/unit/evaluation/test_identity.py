"""Identity switches, finding again, and being sure while wrong."""

import pytest

from streamer.evaluation.identity import Sighting, calibration, identity, totals


def seen(iou=0.9, *, visible=True, another=0.0, score=0.9, shown=True, predicted=0.9):
    return Sighting(visible, iou, another, score, shown, predicted)


GONE = seen(1.0, visible=False, score=0.1, shown=False)
WRONG = seen(0.1, another=0.8)


def test_a_mask_that_goes_over_to_another_object_is_one_switch_however_long_it_stays():
    one = identity([seen(), WRONG, WRONG, seen(), WRONG])
    assert (one.switches, one.false, one.is_kept) == (2, 3, False)


def test_a_wrong_mask_that_is_called_unsure_or_is_empty_is_no_false_one():
    one = identity([seen(0.0, another=0.9, score=0.4), seen(0.0, shown=False), seen(0.21, another=0.6)])
    assert (one.switches, one.false, one.is_kept) == (0, 0, True)


def test_a_mask_shown_for_an_object_that_is_out_of_sight_is_false_though_on_no_other_object():
    one = identity([seen(0.0, visible=False)])
    assert (one.false, one.switches) == (1, 0)


@pytest.mark.parametrize(("late", "found"), [(0, 1), (14, 1), (15, 0)])
def test_a_return_counts_where_the_object_is_found_within_15_frames(late, found):
    back = [seen(0.0, shown=False)] * late + [seen()] * (20 - late)
    one = identity([seen(), GONE, GONE, GONE, *back])
    assert (one.returns, one.found_again) == (1, found)


def test_a_short_flicker_or_a_return_too_near_the_end_is_no_return():
    flicker = identity([seen(), GONE, GONE, *[seen()] * 20])
    late = identity([seen(), GONE, GONE, GONE, *[seen()] * 14])
    assert flicker.returns == late.returns == 0


def test_totals_are_shares_of_objects_returns_and_frames():
    sums = totals([identity([seen()] * 3), identity([WRONG])])
    assert (sums.kept, sums.switches, sums.found_again, sums.false) == (0.5, 1, None, 0.25)
    assert totals([]).kept is None


def test_calibration_compares_what_was_claimed_with_what_was_true():
    low, high = calibration([seen(0.4, score=0.5, predicted=0.3), seen(0.8, score=1.0), seen(0.6, score=1.0), GONE])
    assert (low.frames, low.claimed, low.true) == (1, pytest.approx(0.15), 0.4)
    assert (high.frames, high.low, high.true) == (2, 0.9, pytest.approx(0.7))
