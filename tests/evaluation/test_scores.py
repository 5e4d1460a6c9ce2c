import numpy as np
import pytest
from PIL import Image

from streamer.errors import UsageError
from streamer.evaluation.davis import evaluate, prompt, sequences
from streamer.evaluation.scores import boundary, outline, region


def square(at=20, side=40, size=120):
    mask = np.zeros((size, size), bool)
    mask[at : at + side, at : at + side] = True
    return mask


def test_a_mask_against_itself_is_one():
    assert region(square(), square()) == boundary(square(), square()) == 1


def test_empty_against_empty_is_one():
    empty = np.zeros((50, 50), bool)
    assert region(empty, empty) == boundary(empty, empty) == 1


def test_empty_against_something_is_zero():
    empty = np.zeros((120, 120), bool)
    assert region(empty, square()) == boundary(empty, square()) == boundary(square(), empty) == 0


def test_region_of_half_an_overlap_by_hand():
    found = square().copy()
    found[:, 40:] = False
    assert region(found, square()) == pytest.approx(0.5)


def test_a_shift_inside_the_bound_keeps_the_boundary_at_one_and_a_larger_one_does_not():
    assert np.ceil(0.008 * np.hypot(120, 120)) == 2
    assert boundary(square(21), square(20)) == 1
    assert boundary(square(30), square(20)) < 0.7


def test_the_outline_of_one_pixel_is_its_three_upper_left_neighbours_and_itself():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert sorted(map(tuple, np.argwhere(outline(mask)))) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_the_void_is_ignored():
    void = np.zeros((120, 120), bool)
    void[:, 40:] = True
    found = square().copy()
    found[:, 40:] = False
    assert region(found, square(), void) == 1


@pytest.fixture
def root(tmp_path):
    """Three frames of one clip; object 2 enters on the second."""
    pictures, annotations = (tmp_path / name / "480p" / "clip" for name in ("JPEGImages", "Annotations"))
    for folder in (pictures, annotations):
        folder.mkdir(parents=True)
    for index in range(4):
        labels = square(20 + index).astype(np.uint8)
        if index:
            labels[80:100, 80:100] = 2
        Image.fromarray(np.zeros((120, 120, 3), np.uint8)).save(pictures / f"{index:05d}.jpg")
        Image.fromarray(labels).save(annotations / f"{index:05d}.png")
    return tmp_path


def test_each_object_is_prompted_on_its_own_first_frame_and_scored_after_it_without_the_last(root):
    seen = []

    def perfect(frame, prompts):
        seen.append([p.object_id for p in prompts])
        masks = {1: square(20 + frame.index)}
        other = np.zeros((120, 120), bool)
        other[80:100, 80:100] = True
        return masks | {2: other}

    scores = evaluate(sequences(root)[0], perfect, "mask")
    assert seen == [[1], [2], [], []]
    assert [(s.object_id, s.jf, s.frames) for s in scores] == [(1, 1.0, 2), (2, 1.0, 1)]


def test_an_object_that_the_tracker_does_not_name_scores_zero(root):
    assert evaluate(sequences(root)[0], lambda *_: {}, "mask")[0].jf == 0


def test_a_missing_annotation_is_named(root):
    (root / "Annotations" / "480p" / "clip" / "00002.png").unlink()
    with pytest.raises(UsageError, match=r"00002.png"):
        evaluate(sequences(root)[0], lambda *_: {}, "mask")


def test_an_unknown_clip_and_an_empty_folder_are_named(root, tmp_path):
    with pytest.raises(UsageError, match="no clip 'x'; there are clip"):
        sequences(root, ["x"])
    with pytest.raises(UsageError, match="DAVIS layout"):
        sequences(tmp_path / "nowhere")


def test_prompts_from_the_truth():
    assert prompt(1, square(), "box").box == (20, 20, 60, 60)
    (point,) = prompt(1, square(), "point").points
    assert square()[int(point[1]), int(point[0])]
    assert prompt(1, square(), "mask").mask.sum() == 1600
