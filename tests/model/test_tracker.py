from dataclasses import replace

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam import open_engine, open_tracker
from streamer.edgetam.memory import Capacity, ObjectMemory, bank
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import CommandError, UsageError
from streamer.masks import box_of, iou
from streamer.types import Command, Frame, Pause, Prompt, Remove, Reset, Undo
from tests.parity.parity import centre


@pytest.fixture
def tracker(nano):
    return StreamingTracker(nano, TrackingSettings())


def frame_of(scene, index):
    return Frame.from_image(scene.draw(index)[0], index=index)


def box(scene, number, index=0):
    return tuple(float(v) for v in box_of(scene.truth(index)[number]))


def test_a_frame_without_objects_costs_nothing_and_yields_no_tracks(tracker, scene, monkeypatch):
    monkeypatch.setattr(tracker.runtime, "encode_image", lambda _: pytest.fail("the image was encoded"))
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
    alone, crowd = StreamingTracker(nano, TrackingSettings()), StreamingTracker(nano, TrackingSettings())
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
    tracker, followed, prompted = StreamingTracker(nano, TrackingSettings()), [], []
    track_masks, decode_prompt = tracker.runtime.track_masks, tracker.runtime.decode_prompt

    def spy_track_masks(features, bank):
        followed.append(track_masks(features, bank))
        return followed[-1]

    def spy_decode_prompt(features, points, labels, previous, *, multimask):
        prompted.append((features.top_gchw, previous))
        return decode_prompt(features, points, labels, previous, multimask=multimask)

    monkeypatch.setattr(tracker.runtime, "track_masks", spy_track_masks)
    monkeypatch.setattr(tracker.runtime, "decode_prompt", spy_decode_prompt)
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    followed.clear()
    prompted.clear()
    click = centre(scene.truth(3)[1])
    tracker.track(frame_of(scene, 3), [Prompt(1, points=(click,), labels=(1,))])
    ((masks, tracked_top),), ((refined_top, given_mask),) = followed, prompted
    assert torch.equal(tracked_top, refined_top)
    assert torch.equal(given_mask[0, 0], masks.logits_bhw[0].clamp(-32, 32))
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
    tracker = StreamingTracker(nano, TrackingSettings())
    frame = frame_of(scene, 0)
    for index in range(60):
        tracker.track(frame, [Prompt(1, box=box(scene, 1))] if index % 7 == 0 else [])
    memory = tracker.objects[1].memory
    assert (len(memory.conditioning), len(memory.recent), len(memory.pointers)) == (4, 6, 15)
    assert memory.conditioning[0].step == 0


def test_an_object_that_is_not_seen_is_occluded_and_then_lost(nano, scene):
    tracker = StreamingTracker(nano, TrackingSettings(lost_after=3))
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
    tracker = StreamingTracker(nano, TrackingSettings(across_gap=policy))
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    tracker.track(replace(frame_of(scene, 3), epoch=1))
    memory = tracker.objects[1].memory
    assert (len(memory.conditioning), len(memory.recent), len(memory.pointers)) == (1, recent, recent)


def test_a_restart_across_a_gap_loses_objects_until_they_are_prompted(nano, scene):
    tracker = StreamingTracker(nano, TrackingSettings(across_gap="restart"))
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
    tracker = StreamingTracker(nano, TrackingSettings())
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
    tracker = StreamingTracker(nano, TrackingSettings(max_objects=1))
    with pytest.raises(CommandError, match="at most 1"):
        tracker.track(frame_of(scene, 0), [Prompt(i, box=box(scene, 1)) for i in (1, 2)])


def test_autocast_in_bfloat16_tracks_like_float32(nano, scene):
    """What CUDA runs, on the CPU: the same masks but for the rim."""
    from streamer.masks import iou

    half = StreamingTracker(replace(nano, dtype=torch.bfloat16), TrackingSettings())
    full = StreamingTracker(nano, TrackingSettings())
    for index in range(4):
        commands = [Prompt(1, box=box(scene, 1))] if index == 0 else []
        a, b = half.track(frame_of(scene, index), commands)[0], full.track(frame_of(scene, index), commands)[0]
        assert iou(a.mask, b.mask) > 0.85
        assert a.logits.dtype == np.float32


def test_padding_with_a_validity_mask_changes_nothing(nano):
    """Objects of different ages in one call answer as they do alone."""
    from streamer.edgetam.graphs import MemoryAttention

    torch.manual_seed(0)
    attention = MemoryAttention(nano.model)
    top = torch.randn(1, 128, 16, 16)
    memories = []
    for length in (1, 5, 12):
        memory = ObjectMemory(Capacity())
        for step in range(length):
            memory.write(torch.randn(128, 64), torch.randn(128), prompted=step in (0, 3))
        memories.append(memory)
    together = attention(top, torch.zeros(3, dtype=torch.long), bank(memories, 6))
    for row, memory in enumerate(memories):
        alone = attention(top, torch.zeros(1, dtype=torch.long), bank([memory], 6))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-4)


def test_old_memories_leave_and_the_first_prompt_stays():
    memory = ObjectMemory(Capacity(conditioning=2))
    for step in range(30):
        memory.write(torch.full((1, 1), float(step)), torch.full((1,), float(step)), prompted=step in (0, 10, 20))
    memories, pointers = memory.readable(6)
    assert [(row, float(value)) for row, value in memories] == [
        (6, 0),
        (6, 20),
        (5, 24),
        (4, 25),
        (3, 26),
        (2, 27),
        (1, 28),
        (0, 29),
    ]
    assert [age for age, _ in pointers] == [30, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15]


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
    assert one.checkpoint is other.checkpoint
