import numpy as np
import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.search_window import Crop, SearchWindow, around, extent, size_after
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.tracking_policy import effective
from streamer.masks import box_of, deepest_point, iou
from streamer.types import Frame, Prompt
from streamer.video.scene import Scene, SceneSettings


def test_a_window_is_square_around_the_object_and_stays_inside_the_picture():
    assert SearchWindow.on((100, 100, 140, 120), zoom=2.5).window(480, 640) == Crop(70, 60, 100, 100)
    assert SearchWindow.on((0, 0, 40, 40), zoom=2.5).window(480, 640) == Crop(0, 0, 100, 100)
    assert SearchWindow.on((600, 440, 640, 480), zoom=2.5).window(480, 640) == Crop(540, 380, 100, 100)


def test_a_window_as_large_as_most_of_the_picture_is_the_picture():
    assert SearchWindow.on((100, 100, 400, 300), zoom=2.5).window(360, 640) == Crop(0, 0, 640, 360)


def test_a_window_stands_still_until_the_object_moves_in_it():
    focus = SearchWindow.on((100, 100, 140, 140), zoom=2.5)
    focus.follow((105, 105, 145, 145), 40)
    assert focus.window(480, 640) == Crop(70, 70, 100, 100)
    focus.follow((115, 100, 155, 140), 40)
    assert focus.window(480, 640) == Crop(85, 70, 100, 100)


def test_a_window_widens_to_the_picture_while_the_object_is_not_seen():
    focus = SearchWindow.on((100, 100, 140, 140), zoom=2.5)
    for _ in range(12):
        focus.widen(480, 640)
    assert focus.window(480, 640) == Crop(0, 0, 640, 480)


def test_an_object_that_is_being_hidden_keeps_its_size_for_a_while():
    size = size_after(None, (0, 0, 100, 50))
    assert size == 100
    assert size_after(size, (0, 0, 10, 10)) == pytest.approx(97)
    assert size_after(size, (0, 0, 300, 10)) == pytest.approx(115)


def test_small_specks_do_not_widen_the_extent_of_a_mask():
    logits = np.full((64, 64), -1.0, np.float32)
    assert extent(logits) is None
    logits[10:20, 10:30] = 1
    logits[50:52, 60:62] = 1
    assert extent(logits) == (10, 10, 30, 20)


def test_around_takes_in_clicks_beside_the_box():
    assert around((10, 10, 20, 20), [(30, 5)]) == (10, 5, 30, 20)


def test_extensions_are_on_for_small_inputs_only_unless_set():
    assert effective(TrackingSettings(), 256).zoom == 2.5
    assert effective(TrackingSettings(), 1024).zoom is None
    assert effective(TrackingSettings(extensions=True), 1024).zoom == 2.5
    assert effective(TrackingSettings(extensions=False), 256) == TrackingSettings(extensions=False, zoom=None)
    assert effective(TrackingSettings(exact=True), 256).zoom is None


@pytest.mark.parametrize("how", ["box", "point", "mask"])
def test_small_objects_are_found_better_through_windows(nano, how):
    """The same scene drawn into the middle of a picture three times as large."""
    means = {}
    for robust in (False, True):
        tracker, scene, seen = (
            StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=robust)),
            Scene(SceneSettings(seed=4, objects=2)),
            [],
        )
        for index in range(12):
            image, truth = inset(*scene.draw(index))
            prompts = [prompt(number, mask, how) for number, mask in truth.items()] if index == 0 else []
            tracks = tracker.track(Frame.from_image(image, index=index), prompts)
            seen += [iou(track.mask, truth[track.object_id]) for track in tracks]
        means[robust] = float(np.mean(seen))
    assert means[True] > max(0.75, means[False] + 0.1), means


def inset(image, truth):
    canvas = np.full((3 * image.shape[0], 3 * image.shape[1], 3), 90, np.uint8)
    h, w = image.shape[:2]
    canvas[h : 2 * h, w : 2 * w] = image
    masks = {}
    for number, mask in truth.items():
        masks[number] = np.zeros(canvas.shape[:2], np.bool_)
        masks[number][h : 2 * h, w : 2 * w] = mask
    return canvas, masks


def prompt(number, mask, how):
    match how:
        case "box":
            return Prompt(number, box=box_of(mask))
        case "mask":
            return Prompt(number, mask=mask)
    return Prompt(number, points=(deepest_point(mask),), labels=(1,))


def test_a_window_with_half_pixels_in_the_corner_stays_inside_the_frame():
    crop = SearchWindow(2.5, 900.0, 900.0, 127.5).window(255, 255)
    assert (crop.x + crop.width, crop.y + crop.height) == (255, 255)
