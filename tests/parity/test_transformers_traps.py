"""Where transformers' streaming path errs (shared/docs/edgetam.md lists it), what it does, and what we do instead."""

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.reference import ReferenceTracker
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.weights import load
from streamer.masks import box_of
from streamer.types import Frame, Prompt
from tests.parity.parity import centre


@pytest.fixture(scope="module")
def plain():
    return load("nano", merge=False)


@pytest.fixture(scope="module")
def pixels(nano):
    """Frames as both get them."""
    return Preprocessor(TorchRuntime(nano)).whole


def frame_of(scene, index):
    return Frame.from_image(scene.draw(index)[0], index=index)


def box(scene, number):
    return tuple(float(v) for v in box_of(scene.truth(0)[number]))


def test_transformers_keeps_every_frames_pixels_and_we_keep_none(plain, pixels, nano, scene):
    theirs, ours = (
        ReferenceTracker(plain, pixels),
        StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)),
    )
    for index in range(5):
        prompt = Prompt(1, box=box(scene, 1)) if index == 0 else None
        theirs.track(frame_of(scene, index), prompt)
        ours.track(frame_of(scene, index), [prompt] if prompt else [])
    assert len(theirs._session.processed_frames) == 5
    kept = [entry.memory_tc.numel() for entry in ours.objects[1].memory.recent]
    assert max(kept) == 128 * 64


def test_transformers_refuses_a_frame_without_objects_after_storing_it_and_we_pass_it(plain, pixels, nano, scene):
    theirs = ReferenceTracker(plain, pixels)
    with pytest.raises(ValueError, match="No objects"):
        theirs.track(frame_of(scene, 0))
    assert len(theirs._session.processed_frames) == 1
    assert StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)).track(frame_of(scene, 0)) == ()


def test_transformers_forgets_memory_when_it_refines_and_we_do_not(plain, pixels, nano, scene):
    """A click on a tracked object is an initial conditioning frame there: what was remembered is not looked at."""
    theirs, fresh, ours = (
        ReferenceTracker(plain, pixels),
        ReferenceTracker(plain, pixels),
        StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)),
    )
    for index in range(3):
        prompt = Prompt(1, box=box(scene, 1)) if index == 0 else None
        theirs.track(frame_of(scene, index), prompt)
        ours.track(frame_of(scene, index), [prompt] if prompt else [])
    click = Prompt(1, points=(centre(scene.truth(3)[1]),), labels=(1,))
    refined = theirs.track(frame_of(scene, 3), click)
    anew = fresh.track(frame_of(scene, 3), click)
    np.testing.assert_allclose(refined.logits, anew.logits, atol=1e-5)
    mine = ours.track(frame_of(scene, 3), [click])[0]
    assert np.abs(mine.logits - anew.logits).max() > 1e-2
    exact = StreamingTracker(TorchRuntime(nano), TrackingSettings(exact=True))
    for index in range(3):
        exact.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    np.testing.assert_allclose(exact.track(frame_of(scene, 3), [click])[0].logits, refined.logits, atol=1e-3)


def test_transformers_loses_objects_of_a_first_add_inputs_call_and_we_take_both(plain, pixels, nano, scene):
    theirs = ReferenceTracker(plain, pixels)
    frame = frame_of(scene, 0)
    theirs._add(frame, Prompt(1, box=box(scene, 1)))
    theirs._add(frame, Prompt(2, box=box(scene, 2)))
    assert theirs._session.obj_with_new_inputs == [2]
    ours = StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)).track(
        frame, [Prompt(i, box=box(scene, i)) for i in (1, 2)]
    )
    assert [track.object_id for track in ours] == [1, 2]


def test_transformers_pads_clicks_of_unequal_number_and_we_prompt_each_object_alone(plain, pixels, nano, scene):
    frame = frame_of(scene, 0)
    points = [centre(scene.truth(0)[1]), centre(scene.truth(0)[2]), centre(scene.truth(0)[3])]
    alone = ReferenceTracker(plain, pixels).track(frame, Prompt(1, points=(points[0],), labels=(1,)))
    session = ReferenceTracker(plain, pixels)
    session._processor.add_inputs_to_inference_session(
        inference_session=session._session,
        frame_idx=0,
        obj_ids=[1, 2],
        input_points=[[[list(points[0])], [list(points[1]), list(points[2])]]],
        input_labels=[[[1], [1, 0]]],
        original_size=(frame.height, frame.width),
    )
    padded = session._session.point_inputs_per_obj[0][0]["point_labels"]
    assert padded.tolist() == [[[1, -10]]]
    ours = StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)).track(
        frame, [Prompt(1, points=(points[0],), labels=(1,)), Prompt(2, points=(points[1], points[2]), labels=(1, 0))]
    )
    np.testing.assert_allclose(ours[0].logits, alone.logits, atol=1e-3)


def test_transformers_keeps_conditioning_frames_without_bound_and_we_keep_four(plain, pixels, nano, scene):
    theirs, ours = (
        ReferenceTracker(plain, pixels),
        StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)),
    )
    for index in range(6):
        prompt = Prompt(1, box=box(scene, 1))
        theirs.track(frame_of(scene, index), prompt)
        ours.track(frame_of(scene, index), [prompt])
    assert len(theirs._session.output_dict_per_obj[0]["cond_frame_outputs"]) == 6
    assert [entry.step for entry in ours.objects[1].memory.conditioning] == [0, 3, 4, 5]


def test_transformers_cannot_batch_objects_and_we_do(plain, pixels, nano, scene, monkeypatch):
    ours, calls = StreamingTracker(TorchRuntime(nano), TrackingSettings(extensions=False)), []
    track_masks = ours.runtime.track_masks
    monkeypatch.setattr(
        ours.runtime,
        "track_masks",
        lambda windows: calls.append([len(recalls) for _, recalls in windows]) or track_masks(windows),
    )
    ours.track(frame_of(scene, 0), [Prompt(i, box=box(scene, i)) for i in (1, 2, 3)])
    ours.track(frame_of(scene, 1))
    assert calls == [[3]]
    with pytest.raises(RuntimeError), torch.inference_mode():
        plain.model.spatial_perceiver(torch.zeros(2, 64, 16, 16), torch.zeros(2, 64, 16, 16))
