from dataclasses import replace

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam import open_engine, open_tracker
from streamer.edgetam.memory import Capacity, ObjectMemory
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import CommandError, UsageError
from streamer.masks import box_of, iou
from streamer.types import Command, Frame, Pause, Prompt, Remove, Reset, Undo
from tests.parity.parity import centre


@pytest.fixture
def tracker(nano):
    return StreamingTracker(TorchRuntime(nano), TrackingSettings())


def frame_of(scene, index):
    return Frame.from_image(scene.draw(index)[0], index=index)


def box(scene, number, index=0):
    return tuple(float(v) for v in box_of(scene.truth(index)[number]))


def test_a_frame_without_objects_costs_nothing_and_yields_no_tracks(tracker, scene, monkeypatch):
    monkeypatch.setattr(tracker.runtime, "encode_images", lambda _: pytest.fail("the image was encoded"))
    assert tracker.track(frame_of(scene, 0)) == ()


def test_tracks_have_the_frames_size_and_the_models_scores(tracker, scene):
    (track,) = tracker.track(frame_of(scene, 0), [Prompt(9, box=box(scene, 1))])
    assert track.object_id == 9
    assert track.mask.shape == (360, 640)
    assert track.mask.dtype == np.bool_
    assert track.logits.shape == (64, 64)
    assert track.logits.dtype == np.float32
    assert 0 < track.score < 1 or track.score == 1.0
    assert 0 <= track.predicted_iou <= 1
    assert track.box == box_of(track.mask)


def test_adding_refining_and_removing_do_not_disturb_the_others(nano, scene):
    alone, crowd = (
        StreamingTracker(TorchRuntime(nano), TrackingSettings()),
        StreamingTracker(TorchRuntime(nano), TrackingSettings()),
    )
    for index in range(12):
        frame = frame_of(scene, index)
        mine = [Prompt(1, box=box(scene, 1))] if index == 0 else []
        others: dict[int, list[Command]] = {
            2: [Prompt(2, points=(centre(scene.truth(2)[2]),), labels=(1,))],
            4: [Prompt(3, mask=scene.truth(4)[3])],
            6: [Prompt(2, points=(centre(scene.truth(6)[2]),), labels=(1,))],
            8: [Remove(2)],
        }
        expected = alone.track(frame, mine)[0]
        tracks = crowd.track(frame, [*mine, *others.get(index, [])])
        np.testing.assert_allclose(tracks[0].logits, expected.logits, atol=1e-3)
    assert crowd.object_ids == (1, 3)


def test_a_refinement_uses_memory_the_click_and_the_previous_logits(nano, scene, monkeypatch):
    tracker, followed, prompted = StreamingTracker(TorchRuntime(nano), TrackingSettings()), [], []
    track_masks, decode_points = tracker.runtime.track_masks, tracker.runtime.decode_points

    def spy_track_masks(windows):
        followed.append(track_masks(windows))
        return followed[-1]

    def spy_decode_points(features, points, labels, previous, *, multimask):
        prompted.append((features.top_gchw, previous))
        return decode_points(features, points, labels, previous, multimask=multimask)

    monkeypatch.setattr(tracker.runtime, "track_masks", spy_track_masks)
    monkeypatch.setattr(tracker.runtime, "decode_points", spy_decode_points)
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    followed.clear()
    prompted.clear()
    click = centre(scene.truth(3)[1])
    tracker.track(frame_of(scene, 3), [Prompt(1, points=(click,), labels=(1,))])
    (((found,),),), ((refined_top, given_mask),) = followed, prompted
    assert torch.equal(found.conditioned.top_gchw, refined_top)
    np.testing.assert_array_equal(given_mask[0], found.logits_hw.clip(-32, 32))
    assert len(tracker.objects[1].memory.conditioning) == 2


def test_replace_starts_an_object_anew(tracker, scene):
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    tracker.track(frame_of(scene, 3), [Prompt(1, box=box(scene, 2, 3), mode="replace")])
    memory = tracker.objects[1].memory
    assert (memory.step, len(memory.conditioning), len(memory.recent)) == (1, 1, 0)


def test_undo_takes_back_a_refinement_a_replacement_and_at_last_the_object(tracker, scene):
    tracker.track(frame_of(scene, 0), [Prompt(1, box=box(scene, 1))])
    wrong = Prompt(1, points=(centre(scene.truth(1)[2]),), labels=(1,))
    tracker.track(frame_of(scene, 1), [wrong])
    tracker.track(frame_of(scene, 2), [Prompt(1, box=box(scene, 2, 2), mode="replace")])
    (replaced,) = tracker.track(frame_of(scene, 3))
    assert iou(replaced.mask, scene.truth(3)[2]) > 0.5
    tracker.track(frame_of(scene, 4), [Undo(1)])
    (again,) = tracker.track(frame_of(scene, 5), [Undo(1)])
    assert iou(again.mask, scene.truth(5)[1]) > 0.8
    assert tracker.track(frame_of(scene, 6), [Undo(1)]) == ()
    with pytest.raises(CommandError, match="object 1 is not tracked; tracked: none"):
        tracker.track(frame_of(scene, 7), [Undo(1)])


def test_undo_goes_back_by_at_most_eight_prompts_and_not_on_the_frame_of_one(tracker, scene):
    prompt = Prompt(1, points=(centre(scene.truth(0)[1]),), labels=(1,))
    with pytest.raises(CommandError, match="send the undo later"):
        tracker.track(frame_of(scene, 0), [prompt, Undo(1)])
    for _ in range(12):
        tracker.track(frame_of(scene, 0), [prompt])
    for _ in range(8):
        assert tracker.track(frame_of(scene, 0), [Undo(1)])
    assert tracker.track(frame_of(scene, 0), [Undo(1)]) == ()


def test_state_is_bounded_however_long_and_however_often_prompted(nano, scene):
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings())
    frame = frame_of(scene, 0)
    for index in range(60):
        tracker.track(frame, [Prompt(1, box=box(scene, 1))] if index % 7 == 0 else [])
    memory = tracker.objects[1].memory
    assert (len(memory.conditioning), len(memory.recent), len(memory.pointers)) == (4, 6, 15)
    assert memory.conditioning[0].step == 0


def test_an_object_that_is_not_seen_is_occluded_and_then_lost(nano, scene):
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings(lost_after=3))
    tracker.track(frame_of(scene, 0), [Prompt(1, box=box(scene, 2))])
    with torch.no_grad():
        bias = nano.model.mask_decoder.pred_obj_score_head.proj_out.bias
        kept = bias.clone()
        try:
            bias.fill_(-1000.0)
            states = [tracker.track(frame_of(scene, i))[0].state for i in range(1, 5)]
        finally:
            bias.copy_(kept)
    assert states == ["occluded", "occluded", "lost", "lost"]
    assert tracker.track(frame_of(scene, 5))[0].state == "tracked"


@pytest.mark.parametrize(("policy", "recent"), [("keep", 3), ("keep_prompted", 1)])
def test_a_gap_keeps_what_the_policy_says(nano, scene, policy, recent):
    """On the frame after the gap one recent memory is written again."""
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings(across_gap=policy))
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    tracker.track(replace(frame_of(scene, 3), epoch=1))
    memory = tracker.objects[1].memory
    assert (len(memory.conditioning), len(memory.recent), len(memory.pointers)) == (1, recent, recent)


def test_a_restart_across_a_gap_loses_objects_until_they_are_prompted(nano, scene):
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings(across_gap="restart"))
    tracker.track(frame_of(scene, 0), [Prompt(i, box=box(scene, i)) for i in (1, 2)])
    after = [replace(frame_of(scene, index), epoch=1) for index in range(1, 4)]
    assert [(track.object_id, track.state, track.mask.any()) for track in tracker.track(after[0])] == [
        (1, "lost", False),
        (2, "lost", False),
    ]
    tracks = {track.object_id: track for track in tracker.track(after[1], [Prompt(2, box=box(scene, 2, 2))])}
    assert tracks[2].state == "tracked"
    assert tracks[1].state == "lost"
    assert {track.object_id for track in tracker.track(after[2], [Remove(1)])} == {2}


def test_a_damaged_picture_is_tracked_and_not_remembered(nano, scene):
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings())
    tracker.track(frame_of(scene, 0), [Prompt(1, box=box(scene, 1))])
    tracks = tracker.track(replace(frame_of(scene, 1), corrupt=True))
    memory = tracker.objects[1].memory
    assert len(tracks) == 1
    assert (memory.step, len(memory.conditioning), len(memory.recent)) == (2, 1, 0)
    tracker.track(replace(frame_of(scene, 2), corrupt=True), [Prompt(1, box=box(scene, 1, 2))])
    assert len(memory.conditioning) == 2


def test_a_bad_command_changes_nothing(tracker, scene):
    tracker.track(frame_of(scene, 0), [Prompt(1, box=box(scene, 1))])
    step = tracker.objects[1].memory.step
    for bad in (
        [Remove(5)],
        [Prompt(2, box=(0, 0, 5, 5)), Prompt(2, box=(0, 0, 5, 5))],
        [Reset(), Remove(1)],
        [Prompt(2, points=((9999.0, 1.0),), labels=(1,))],
        [Prompt(3, mask=np.ones((5, 5), bool))],
        [Pause()],
    ):
        with pytest.raises(CommandError):
            tracker.track(frame_of(scene, 1), bad)
    assert tracker.object_ids == (1,)
    assert tracker.objects[1].memory.step == step


def test_too_many_objects_are_refused(nano, scene):
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings(max_objects=1))
    with pytest.raises(CommandError, match="at most 1"):
        tracker.track(frame_of(scene, 0), [Prompt(i, box=box(scene, 1)) for i in (1, 2)])


def test_autocast_in_bfloat16_tracks_like_float32(nano, scene):
    """What CUDA runs, on the CPU: the same masks but for the rim."""
    from streamer.masks import iou

    half = StreamingTracker(TorchRuntime(replace(nano, dtype=torch.bfloat16)), TrackingSettings())
    full = StreamingTracker(TorchRuntime(nano), TrackingSettings())
    for index in range(4):
        commands = [Prompt(1, box=box(scene, 1))] if index == 0 else []
        a, b = half.track(frame_of(scene, index), commands)[0], full.track(frame_of(scene, index), commands)[0]
        assert iou(a.mask, b.mask) > 0.85
        assert a.logits.dtype == np.float32


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_padding_with_a_validity_mask_changes_nothing(nano, name):
    """Objects of different ages in one call, and in windows of their own, answer as they do alone."""
    runtime, rng = runtimes.start(name, nano), np.random.default_rng(0)

    def noise(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    recalls = []
    for length in (1, 5, 12):
        memory = ObjectMemory(Capacity())
        for step in range(length):
            values = (runtime.from_numpy(noise(*shape)) for shape in ((128, 64), (128,)))
            memory.write(*values, prompted=step in (0, 3))
        recalls.append(memory.recall())
    features, other = runtime.encode_images([noise(3, nano.size, nano.size) for _ in range(2)])
    together, apart = runtime.track_masks([(features, recalls), (other, recalls[:1])])
    for recall, found in zip(recalls, together, strict=True):
        ((alone,),) = runtime.track_masks([(features, [recall])])
        np.testing.assert_allclose(found.logits_hw, alone.logits_hw, atol=1e-4)
    ((alone,),) = runtime.track_masks([(other, recalls[:1])])
    np.testing.assert_allclose(apart[0].logits_hw, alone.logits_hw, atol=1e-4)


def test_old_memories_leave_and_the_first_prompt_stays():
    memory = ObjectMemory(Capacity(conditioning=2))
    for step in range(30):
        memory.write(torch.full((1, 1), float(step)), torch.full((1,), float(step)), prompted=step in (0, 10, 20))
    recall = memory.recall()
    assert [(row, float(value)) for row, value in recall.memories] == [
        (6, 0),
        (6, 20),
        (5, 24),
        (4, 25),
        (3, 26),
        (2, 27),
        (1, 28),
        (0, 29),
    ]
    assert [age for age, _ in recall.pointers] == [30, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15]


def test_an_unknown_runtime_or_device_is_a_usage_error():
    with pytest.raises(UsageError, match="runtime"):
        open_tracker(runtime="abacus")
    with pytest.raises(UsageError, match="device"):
        open_tracker(device="abacus")


def test_trackers_of_one_engine_share_its_weights_and_runtime():
    engine = open_engine(runtime="torch")
    one, other = engine.tracker(), engine.tracker()
    assert isinstance(one, StreamingTracker)
    assert isinstance(other, StreamingTracker)
    assert one.runtime is other.runtime
