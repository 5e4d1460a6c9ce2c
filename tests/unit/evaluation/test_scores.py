import cv2
import numpy as np
import pytest
from PIL import Image

from streamer.cli import main
from streamer.config.motion import MotionSettings
from streamer.errors import UsageError
from streamer.evaluation.davis import Answer, evaluate, prompt, sequences
from streamer.evaluation.live import Live
from streamer.evaluation.scores import Series, boundary, outline, region
from tests.requirements import package, require


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
        return {number: Answer(mask) for number, mask in (masks | {2: other}).items()}

    scores = evaluate(sequences(root)[0], perfect, "mask")
    assert seen == [[1], [2], [], []]
    assert [(s.object_id, s.jf, s.frames) for s in scores] == [(1, 1.0, 2), (2, 1.0, 1)]


def test_the_figures_of_a_series_are_those_of_davis():
    """Eight frames: the borders of the quarters are frames 0, 2, 4, 5 and 7, counted from 0."""
    series = Series((1.0, 0.8, 0.6, 0.5, 0.5, 0.4, 0.2, 0.0))
    assert series.mean == pytest.approx(0.5)
    assert series.recall == pytest.approx(3 / 8)
    assert series.decay == pytest.approx(0.8 - 0.2)


def where(index):
    """The object of `root` as a tracker sees it that says on which frame it saw it."""
    return {1: square(20 + index)}


@pytest.mark.parametrize(
    ("step_ms", "followed", "on_screen"),
    [
        (50, [0, 1, 2], [None, 0, 1, 2]),  # each frame's result is there when the next one comes
        (150, [0, 1], [None, None, 0, 1]),  # half a frame late: busy until 0.15 s, when frame 1 is the newest
        (250, [0, 2], [None, None, None, 0]),  # frame 1 has gone by
    ],
)
def test_live_scores_are_of_what_was_on_the_screen(root, step_ms, followed, on_screen):
    for path in (root / "Annotations" / "480p" / "clip").iterdir():
        labels = np.array(Image.open(path))
        Image.fromarray(np.where(labels == 2, 0, labels)).save(path)
    seen, shown = [], {}

    def follow(frame, _prompts):
        seen.append(frame.index)
        return {n: Answer(mask) for n, mask in where(frame.index).items()}

    def watch(index, found, _j):
        shown[index] = found

    (score,) = evaluate(sequences(root)[0], follow, "mask", live=Live(10.0, step_ms), observer=watch)
    assert seen == followed
    for index in (1, 2, 3):
        expected = {} if on_screen[index] is None else where(on_screen[index])
        assert shown[index].keys() == expected.keys()
        assert all((shown[index][n] == mask).all() for n, mask in expected.items())
    assert score.jf < 1


def test_a_frame_with_a_prompt_is_not_passed_over_live(root):
    seen = []

    def follow(frame, prompts):
        seen.append((frame.index, [p.object_id for p in prompts]))
        return {}

    evaluate(sequences(root)[0], follow, "mask", live=Live(10.0, 250))
    assert seen == [(0, [1]), (1, [2])]


def test_live_options_that_make_no_sense_are_refused(root, capsys):
    assert main(["evaluate", str(root), "--step-ms", "5"]) == 2
    assert main(["evaluate", str(root), "--live", "0"]) == 2
    assert "--step-ms is for --live" in capsys.readouterr().err


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


def test_scores_are_those_of_an_independent_implementation():
    """vos-benchmark, whose F is davis2017-evaluation's; it wants opencv-python, so it is installed without that."""
    require("vos-benchmark", package("vos_benchmark"), "pip install --no-deps vos-benchmark scikit-image lazy-loader")
    from vos_benchmark import evaluator

    rng = np.random.default_rng(3)
    for _ in range(30):
        masks = [cv2.GaussianBlur(rng.normal(size=(120, 160)), (0, 0), rng.uniform(2, 9)) > 0.02 for _ in range(2)]
        masks[1] = np.roll(masks[0], rng.integers(0, 6, 2), (0, 1)) if rng.random() < 0.5 else masks[1]
        theirs = evaluator.Evaluator()
        theirs.feed_frame(masks[0].astype(np.uint8), masks[1].astype(np.uint8))
        assert region(masks[0], masks[1]) == pytest.approx(theirs.object_iou[1][0])
        assert boundary(masks[0], masks[1]) == pytest.approx(theirs.boundary_f[1][0])


@pytest.fixture
def moving(tmp_path):
    """Twelve frames of a textured square that moves 8 pixels a frame, over a textured ground."""
    pictures, annotations = (tmp_path / name / "480p" / "clip" for name in ("JPEGImages", "Annotations"))
    for folder in (pictures, annotations):
        folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(0, 120, (12, 20, 3), np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)
    texture = cv2.resize(rng.integers(120, 255, (5, 5, 3), np.uint8), (50, 50), interpolation=cv2.INTER_CUBIC)
    for index in range(12):
        image, labels, x = ground.copy(), np.zeros((180, 320), np.uint8), 40 + 8 * index
        image[60:110, x : x + 50], labels[60:110, x : x + 50] = texture, 1
        Image.fromarray(image).save(pictures / f"{index:05d}.jpg", quality=95)
        Image.fromarray(labels).save(annotations / f"{index:05d}.png")
    return tmp_path


def followed(clip, live):
    """The score of a tracker that is always right, and the frames that it took."""
    seen = []

    def follow(frame, _prompts):
        seen.append(frame.index)
        return {1: Answer(clip.labels(clip.frames[frame.index]) == 1)}

    (score,) = evaluate(clip, follow, "mask", live=live)
    return score.j, seen


def test_live_masks_that_are_carried_score_better_than_the_newest_as_it_is(moving):
    clip = sequences(moving)[0]
    newest, took = followed(clip, Live(10.0, 250.0))
    carried, same = followed(clip, Live(10.0, 250.0, motion=MotionSettings(), flow_ms=5.0))
    assert took == same
    assert newest < 0.55
    assert carried > newest + 0.25


def test_a_tracker_that_answers_before_the_next_frame_shows_its_own_masks(moving):
    assert followed(sequences(moving)[0], Live(10.0, 50.0, motion=MotionSettings(), flow_ms=5.0))[0] == 1.0


def test_the_time_of_the_flow_counts(moving):
    """Carrying takes longer than a frame: frames pass without a result, and the old one stays on the screen."""
    clip = sequences(moving)[0]
    quick, _ = followed(clip, Live(10.0, 250.0, motion=MotionSettings(), flow_ms=5.0))
    slow, _ = followed(clip, Live(10.0, 250.0, motion=MotionSettings(), flow_ms=250.0))
    assert slow < quick - 0.1


def test_with_more_objects_than_time_the_steps_take_some_objects_only(root):
    asked = []

    def follow_some(frame, prompts, attention):
        asked.append((frame.index, attention.only))
        return {number: Answer(square()) for number in attention.only or (1, 2)}

    live = Live(10.0, 10.0, 30.0, MotionSettings(step_ms=40.0), 1.0, follow_some)
    evaluate(sequences(root)[0], lambda *_: {}, "mask", live=live)
    assert [index for index, _ in asked] == [0, 1, 2, 3]
    assert [None if only is None else len(only) for _, only in asked[2:]] == [1, 1]
