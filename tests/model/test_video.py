"""Recordings, pass by pass."""

import json

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.snapshot import FORMAT
from streamer.edgetam.video import PassTracker
from streamer.edgetam.weights import load
from streamer.errors import ModelError
from streamer.masks import box_of, iou
from streamer.offline.propagation import Propagation
from streamer.offline.store import Store
from streamer.types import Frame, Prompt
from streamer.video.scene import Scene, SceneSettings

FRAMES, HEIGHT, WIDTH = 24, 192, 320


class Drawn:
    """A scene as a recording."""

    name, count, height, width, broken = "scene", FRAMES, HEIGHT, WIDTH, None

    def __init__(self):
        self.scene = Scene(SceneSettings(seed=2, objects=3, width=WIDTH, height=HEIGHT))
        self.asked = []

    def frames(self, first, last):
        for index in range(first, last + 1) if last >= first else range(first, last - 1, -1):
            self.asked.append(index)
            yield Frame.from_image(self.scene.draw(index)[0], index=index)

    def box(self, number, index):
        return tuple(map(float, box_of(self.scene.truth(index)[number])))


@pytest.fixture
def recording():
    return Drawn()


@pytest.fixture
def propagate(nano, recording, tmp_path):
    def propagate(prompts, name="work", **options):
        store = Store(tmp_path / f"{name}.sqlite")
        exact = options.pop("exact", False)
        tracking = TrackingSettings(exact=exact)
        run = Propagation(recording, store, TorchRuntime(nano), tracking, exact=exact, **options)
        run.plan(prompts)
        done = run.run(prompts)
        found = {
            (index, track.object_id): track for index in range(FRAMES) for track in store.tracks(index, (WIDTH, HEIGHT))
        }
        store.close()
        return done, found

    return propagate


def same(a, b):
    return a.state == b.state and a.score == b.score and np.array_equal(a.mask, b.mask)


@pytest.mark.timeout(240)
def test_exact_passes_are_transformers_propagation(nano, recording, propagate):
    """Two prompts for one object, another that begins later, both ways."""
    from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    prompts = {
        1: {3: Prompt(1, box=recording.box(1, 3)), 12: Prompt(1, box=recording.box(1, 12))},
        2: {8: Prompt(2, box=recording.box(2, 8))},
    }
    reference = load("nano", merge=False)
    size = {"height": nano.size, "width": nano.size}
    options = {"size": size, "image_mean": list(nano.mean), "image_std": list(nano.std)}
    processor = Sam2VideoProcessor(
        Sam2ImageProcessor(**options), Sam2VideoVideoProcessor(**options), target_size=nano.size
    )
    film = np.stack([frame.image for frame in recording.frames(0, FRAMES - 1)])
    session = processor.init_video_session(video=film, inference_device="cpu")
    pixels = Preprocessor(TorchRuntime(nano)).whole  # both get the same: resizing may differ by a grey level
    session.processed_frames = {f.index: torch.from_numpy(pixels(f)) for f in recording.frames(0, FRAMES - 1)}
    expected = {}
    with torch.inference_mode():
        for number, asked in prompts.items():
            for index, prompt in asked.items():
                processor.add_inputs_to_inference_session(
                    session,
                    frame_idx=index,
                    obj_ids=number,
                    input_boxes=[[list(prompt.box)]],
                    original_size=(HEIGHT, WIDTH),
                )
                reference.model(inference_session=session, frame_idx=index)
        for reverse in (False, True):
            for output in reference.model.propagate_in_video_iterator(session, start_frame_idx=3, reverse=reverse):
                wide = processor.post_process_masks([output.pred_masks], [[HEIGHT, WIDTH]])[0]
                expected |= {(output.frame_idx, n): wide[row, 0].numpy() for row, n in enumerate(output.object_ids)}
    done, found = propagate(prompts, exact=True)
    assert done
    assert found.keys() == expected.keys()
    assert min(iou(track.mask, expected[key]) for key, track in found.items()) >= 0.9999
    assert sum(bool(mask.any()) for mask in expected.values()) > FRAMES


def test_objects_are_found_before_and_after_their_first_prompt(recording, propagate):
    done, found = propagate({1: {10: Prompt(1, box=recording.box(1, 10))}})
    assert done
    assert sorted(index for index, _ in found) == list(range(FRAMES))
    truth = [iou(found[index, 1].mask, recording.scene.truth(index)[1]) for index in range(FRAMES)]
    assert np.mean(truth) > 0.7


@pytest.mark.parametrize("exact", [False, True])
def test_what_was_interrupted_goes_on_to_the_same_end(recording, propagate, exact):
    prompts = {n: {6: Prompt(n, box=recording.box(n, 6))} for n in (1, 2)}
    _, whole = propagate(prompts, "whole", exact=exact)
    for limit in (7, 10, 4):
        steps = iter(range(limit))
        done, _ = propagate(prompts, "parts", exact=exact, stop=lambda steps=steps: next(steps, None) is None)
        assert not done
    done, parts = propagate(prompts, "parts", exact=exact)
    assert done
    assert parts.keys() == whole.keys()
    assert all(same(parts[key], whole[key]) for key in whole)


@pytest.mark.parametrize("exact", [False, True])
def test_a_correction_changes_what_comes_after_it_and_its_own_object_alone(recording, propagate, exact):
    prompts = {n: {4: Prompt(n, box=recording.box(n, 4))} for n in (1, 2)}
    _, before = propagate(prompts, exact=exact)
    recording.asked.clear()
    x0, y0, x1, _ = recording.box(1, 15)
    corrected = prompts | {1: prompts[1] | {15: Prompt(1, points=(((x0 + x1) / 2, y0 + 3), (2.0, 2.0)), labels=(0, 0))}}
    _, after = propagate(corrected, exact=exact)
    changed = {key for key in before if not same(before[key], after[key])}
    assert changed
    assert all(index >= 15 and number == 1 for index, number in changed)
    conditioned = [4, 15] if exact else []
    assert recording.asked[: len(conditioned)] == conditioned
    assert min(recording.asked[len(conditioned) :]) == (11 if exact else 4)  # where something was kept before it


def test_another_recording_or_model_is_refused(tmp_path):
    from streamer.errors import SinkError

    store = Store(tmp_path / "work.sqlite")
    store.bind({"recording": "a.mp4", "model": {"id": "nano"}})
    store.commit()
    with pytest.raises(SinkError, match=r'is of recording "a.mp4", not "b.mp4"; give another --out'):
        store.bind({"recording": "b.mp4", "model": {"id": "nano"}})


def test_what_was_kept_of_an_object_goes_on_as_if_nothing_had_happened(nano, recording):
    first, second = (PassTracker(TorchRuntime(nano), TrackingSettings()) for _ in range(2))
    frames = list(recording.frames(0, 7))
    for index in range(4):
        first.track(frames[index], [Prompt(5, box=recording.box(1, 0))] if index == 0 else [])
    second.restore(5, first.pack(5))
    for index in range(4, 8):
        (a,), (b,) = first.track(frames[index]), second.track(frames[index])
        np.testing.assert_array_equal(a.logits, b.logits)


def test_bytes_of_another_format_are_refused(nano, recording):
    tracker = PassTracker(TorchRuntime(nano), TrackingSettings())
    tracker.track(next(recording.frames(0, 0)), [Prompt(5, box=recording.box(1, 0))])
    data = tracker.pack(5)
    text = json.dumps({"format": FORMAT})[1:-1].replace('"', '\\"').encode()
    with pytest.raises(ModelError, match="format 9"):
        tracker.restore(5, data.replace(text, text.replace(str(FORMAT).encode(), b"9")))
    with pytest.raises(ModelError, match="cannot be read"):
        tracker.restore(5, b"nothing of the kind")
