"""Masks between the model's frames."""

import cv2
import numpy as np
import pytest

from streamer.config.motion import MotionSettings
from streamer.masks import box_of, iou
from streamer.motion.carrier import MaskCarrier, ModelAnswer
from streamer.types import Frame, Track

HEIGHT, WIDTH = 180, 320
rng = np.random.default_rng(0)
GROUND = cv2.resize(rng.integers(0, 120, (20, 34, 3), np.uint8), (400, 240), interpolation=cv2.INTER_CUBIC)
TEXTURE = cv2.resize(rng.integers(120, 255, (5, 5, 3), np.uint8), (40, 40), interpolation=cv2.INTER_CUBIC)


def scene(index: int, x: int, *, pan: int = 0, epoch: int = 0, height: int = HEIGHT) -> tuple[Frame, np.ndarray]:
    """A textured square at `x` on a textured ground, and its mask."""
    image = GROUND[:height, pan : pan + WIDTH].copy()
    mask = np.zeros((height, WIDTH), np.bool_)
    image[60:100, x : x + 40] = TEXTURE
    mask[60:100, x : x + 40] = True
    return Frame.from_image(image, index=index, epoch=epoch), mask


def found(mask: np.ndarray, object_id: int = 1) -> Track:
    return Track(object_id, mask, box_of(mask), 0.9, 0.8, "tracked", logits=np.zeros((4, 4), np.float32))


def answer(frame: Frame, *tracks: Track) -> ModelAnswer:
    return ModelAnswer(frame, tracks, tuple(track.object_id for track in tracks))


def carrier(max_age: int = 15) -> MaskCarrier:
    return MaskCarrier(MotionSettings(max_age=max_age))


def test_a_mask_follows_its_object_over_frames_that_the_model_did_not_see():
    carry = carrier()
    for index in range(5):
        frame, mask = scene(index, 100 + 6 * index)
        carry.see(frame)
        if index == 0:
            carry.answer(answer(frame, found(mask)))
    (standing,) = carry.standings()
    assert iou(standing.track.mask, mask) > 0.85
    assert iou(standing.track.mask, scene(0, 100)[1]) < 0.4
    assert standing.displacement_px == pytest.approx((24.0, 0.0), abs=2.0)
    assert (standing.track.mask_from, standing.track.age, standing.track.logits) == ("motion", 4, None)
    assert standing.track.box == box_of(standing.track.mask)


def test_a_late_answer_is_carried_over_the_frames_that_passed_in_the_meantime():
    carry = carrier()
    frames = [scene(index, 100 + 6 * index) for index in range(4)]
    for frame, _ in frames:
        carry.see(frame)
    carry.answer(answer(frames[1][0], found(frames[1][1])))
    (standing,) = carry.standings()
    assert standing.track.age == 2
    assert iou(standing.track.mask, frames[3][1]) > 0.85


def test_an_answer_that_comes_before_its_frame_is_seen_waits_for_it_and_is_the_models_own():
    carry = carrier()
    (first, _), (second, moved) = scene(0, 100), scene(1, 106)
    carry.see(first)
    track = found(moved)
    carry.answer(answer(second, track))
    assert carry.standings() == ()
    carry.see(second)
    (standing,) = carry.standings()
    assert standing.track is track
    assert (track.mask_from, track.age, track.confidence) == ("model", 0, 1.0)


def test_the_whole_picture_may_move_too():
    carry = carrier()
    for index in range(4):
        frame, _ = scene(index, 200 - 8 * index, pan=8 * index)
        carry.see(frame)
        if index == 0:
            carry.answer(answer(frame, found(scene(0, 200)[1])))
    assert iou(carry.standings()[0].track.mask, scene(3, 176)[1]) > 0.85


def test_confidence_falls_with_age_and_beyond_the_limit_nothing_is_claimed():
    carry, confidences = carrier(max_age=3), []
    for index in range(6):
        frame, mask = scene(index, 100)
        carry.see(frame)
        if index == 0:
            carry.answer(answer(frame, found(mask)))
        confidences.append(carry.standings()[0].track.confidence)
    assert confidences[0] == 1.0
    assert confidences[0] > confidences[1] > confidences[2] > confidences[3] > 0
    assert confidences[4:] == [0.0, 0.0]
    track = carry.standings()[0].track
    assert (track.box, track.state, track.mask.any()) == (None, "occluded", False)


def test_a_mask_whose_object_is_suddenly_covered_is_not_trusted():
    carry = carrier()
    frame, mask = scene(0, 100)
    carry.see(frame)
    carry.answer(answer(frame, found(mask)))
    noise = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    carry.see(Frame.from_image(noise, index=1))
    assert carry.standings()[0].track.confidence < 0.5


def test_nothing_is_carried_over_a_discontinuity_and_sizes_may_change_there():
    carry = carrier()
    frame, mask = scene(0, 100)
    carry.see(frame)
    carry.answer(answer(frame, found(mask)))
    smaller, its_mask = scene(1, 100, epoch=1, height=160)
    carry.see(smaller)
    track = carry.standings()[0].track
    assert (track.mask.shape, track.mask.any(), track.confidence) == ((160, WIDTH), False, 0.0)
    carry.answer(answer(frame, found(mask)))  # late: of before
    assert not carry.standings()[0].track.mask.any()
    carry.answer(answer(smaller, found(its_mask)))
    assert carry.standings()[0].track.mask.any()


def test_an_object_that_the_answer_does_not_name_any_more_is_gone_and_one_that_was_not_stepped_stays():
    carry = carrier()
    (first, mask), (second, _) = scene(0, 100), scene(1, 106)
    carry.see(first)
    carry.answer(answer(first, found(mask, 1), found(mask, 2), found(mask, 3)))
    carry.see(second)
    carry.answer(ModelAnswer(second, (found(mask, 2),), (1, 2)))
    tracks = [standing.track for standing in carry.standings()]
    assert [(track.object_id, track.mask_from, track.age) for track in tracks] == [(1, "motion", 1), (2, "model", 0)]


def test_an_answer_to_a_frame_that_was_passed_over_is_taken_for_the_next_one():
    carry = carrier()
    for index in (0, 1, 3, 4):
        carry.see(scene(index, 100 + 6 * index)[0])
    frame, mask = scene(2, 112)
    carry.answer(answer(frame, found(mask)))
    assert carry.standings()[0].track.age == 1


def test_memory_is_bounded_while_it_runs():
    carry = carrier(max_age=4)
    for index in range(40):
        frame, mask = scene(index, 100)
        carry.see(frame)
        if index % 7 == 0:
            carry.answer(answer(frame, found(mask)))
        carry.standings()
    history = carry._history
    assert len(history._greys) == 5
    assert len(history._flows) <= 4
    assert len(history._paths) <= 2
    assert len(carry._numbers) <= 5


def test_without_objects_no_flow_is_estimated():
    class Refusing:
        def flow(self, older, newer):
            raise AssertionError("nothing has to be carried")

    carry = MaskCarrier(MotionSettings(), Refusing())  # type: ignore[arg-type]
    for index in range(3):
        carry.see(scene(index, 100)[0])
        assert carry.standings() == ()
