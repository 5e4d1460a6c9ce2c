"""What is hidden in frames that go out, and when."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from streamer.config.settings import PrivacySettings
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.pipeline.privacy import PrivacyFilter
from streamer.types import Frame, Track, TrackResult
from streamer.video.jpeg import jpeg_of

HEIGHT, WIDTH = 90, 120
NOISE = np.random.default_rng(7).integers(64, 255, (HEIGHT, WIDTH, 3), np.uint8)  # darker colours only come from us


def track(x=40, y=30, size=20, *, state="tracked", predicted_iou=0.9, object_id=1):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    if state == "tracked":
        mask[y : y + size, x : x + size] = True
    return Track(object_id, mask, box_of(mask), 0.9, predicted_iou, state)


def result(*tracks, at_s=0.0, epoch=0):
    frame = replace(Frame.from_image(NOISE, index=0, captured_ns=int(at_s * 1e9)), epoch=epoch)
    return TrackResult(frame, tracks)


def privacy(**settings):
    return PrivacyFilter(PrivacySettings.model_validate({"hide": "objects"} | settings))


def share_changed(shown, region):
    changed = (shown.frame.image != NOISE).all(axis=2)
    return changed[region].mean()


WHOLE = np.s_[:, :]


def test_the_pixels_of_a_tracked_object_and_a_margin_around_it_are_hidden():
    shown = privacy(margin=0.1).apply(result(track()))
    assert share_changed(shown, np.s_[28:52, 42:58]) == 1
    assert share_changed(shown, np.s_[:26, :]) == share_changed(shown, np.s_[:, 64:]) == 0


def test_everything_but_the_tracked_objects_is_hidden():
    shown = privacy(hide="all-but-objects", margin=0).apply(result(track()))
    assert share_changed(shown, np.s_[30:50, 40:60]) == 0
    assert share_changed(shown, np.s_[:30, :]) == share_changed(shown, np.s_[:, 60:]) == 1


@pytest.mark.parametrize("state", ["occluded", "lost"])
def test_of_all_but_objects_nothing_is_shown_while_the_object_is_not_seen(state):
    shown = privacy(hide="all-but-objects").apply(result(track(state=state)))
    assert share_changed(shown, WHOLE) == 1


def test_the_last_box_of_an_object_that_is_not_seen_is_hidden_widened_and_then_the_whole_frame():
    filtered = privacy(max_age_ms=500, margin=0)
    filtered.apply(result(track()))
    soon, late = (filtered.apply(result(track(state="occluded"), at_s=seconds)) for seconds in (0.1, 0.5))
    assert share_changed(soon, np.s_[20:60, 30:70]) == 1
    assert share_changed(soon, np.s_[:, 90:]) == 0
    assert share_changed(late, WHOLE) == 1


def test_the_frame_is_shown_again_when_the_object_is():
    filtered = privacy()
    filtered.apply(result(track(state="lost")))
    assert share_changed(filtered.apply(result(track())), np.s_[:, 80:]) == 0


def test_an_object_that_was_never_seen_hides_the_whole_frame():
    assert share_changed(privacy().apply(result(track(state="lost"), track(object_id=2))), WHOLE) == 1


def test_a_box_of_before_a_gap_does_not_place_an_object_after_it():
    filtered = privacy()
    filtered.apply(result(track()))
    assert share_changed(filtered.apply(result(track(state="occluded"), at_s=0.01, epoch=1)), WHOLE) == 1


def carried(at_s, age, confidence=0.9):
    """A result at 10 fps whose mask was carried over some frames."""
    moved = replace(track(), mask_from="motion", age=age, confidence=confidence)
    whole = result(moved, at_s=at_s)
    return replace(whole, frame=replace(whole.frame, index=round(at_s * 10)))


def test_a_carried_mask_counts_until_the_models_answer_is_too_old():
    filtered = privacy(max_age_ms=500)
    shown = [filtered.apply(carried(number / 10, number)) for number in range(6)]
    assert [share_changed(each, np.s_[:, 90:]) for each in shown] == [0, 0, 0, 0, 0, 1]


def test_a_carried_mask_of_low_confidence_hides_around_the_last_box():
    filtered = privacy(max_age_ms=500, margin=0)
    filtered.apply(result(track()))
    shown = filtered.apply(carried(0.1, 1, confidence=0.2))
    assert share_changed(shown, np.s_[20:60, 30:70]) == 1
    assert share_changed(shown, np.s_[:, 90:]) == 0


def test_an_object_that_was_removed_hides_nothing():
    filtered = privacy()
    filtered.apply(result(track(), track(90, 60, object_id=2)))
    assert share_changed(filtered.apply(result(track(90, 60, object_id=2), at_s=9)), np.s_[:50, :60]) == 0


def test_a_mask_that_the_model_itself_doubts_hides_the_whole_box():
    doubted = replace(track(), mask=np.eye(HEIGHT, WIDTH, -10, dtype=np.bool_) & track().mask, predicted_iou=0.2)
    assert share_changed(privacy(margin=0).apply(result(doubted)), np.s_[30:50, 40:60]) == 1


def test_without_objects_the_frame_is_hidden_unless_the_settings_show_it():
    assert share_changed(privacy().apply(result()), WHOLE) == 1
    assert share_changed(privacy(show_without_objects=True).apply(result()), WHOLE) == 0


def test_what_was_encoded_of_the_open_frame_does_not_go_with_the_hidden_one():
    original = result(track())
    assert jpeg_of(original.frame)
    shown = privacy().apply(original)
    assert jpeg_of(shown.frame) != jpeg_of(original.frame)
    assert not shown.frame.image.flags.writeable


@pytest.mark.parametrize("style", ["blur", "pixels"])
def test_blur_and_pixels_leave_no_detail(style):
    stripes = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stripes[:, ::2] = 255
    image = (
        privacy(style=style, margin=0).apply(TrackResult(Frame.from_image(stripes, index=0), (track(),))).frame.image
    )
    inside = image[34:46, 44:56].astype(int)
    assert np.abs(np.diff(inside, axis=1)).max() < 80  # 255 in the frame
    assert (image[:, 80:] == stripes[:, 80:]).all()


def test_a_background_is_scaled_to_the_frame(tmp_path):
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((10, 10, 3), (10, 20, 30), np.uint8))
    shown = privacy(style="background", background=path).apply(result(track()))
    assert (shown.frame.image[35, 50] == (30, 20, 10)).all()


def test_a_background_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"privacy.background: .*nothing.png is not an image"):
        privacy(style="background", background=tmp_path / "nothing.png")


@pytest.mark.parametrize("wrong", [{"style": "background"}, {"background": "a.png"}, {"colour": "red"}, {"margin": 2}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"background|colour|margin"):
        privacy(**wrong)
