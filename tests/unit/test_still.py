"""The tracker without a model: commands, undo, gaps and ids, which all trackers share, and its masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer.channel import Channel
from streamer.config.settings import FindSettings, TrackingSettings
from streamer.edgetam import open_engine
from streamer.edgetam.still import StillTracker
from streamer.errors import CommandError, UsageError
from streamer.finders.auto_prompter import AutoPrompter
from streamer.pipeline.track_stage import TrackStage
from streamer.types import MAX_OBJECT_ID, Ack, Detection, Frame, Prompt, Remove, Request, Reset, Undo

BOX, OTHER = (4.0, 6.0, 20.0, 16.0), (30.0, 20.0, 50.0, 40.0)


def frame(index: int = 0, *, epoch: int = 0, width: int = 64, height: int = 48) -> Frame:
    return Frame.from_image(np.zeros((height, width, 3), np.uint8), index=index, epoch=epoch)


def states(tracks) -> dict[int, str]:
    return {track.object_id: track.state for track in tracks}


def test_a_box_is_held_filled_on_every_frame():
    tracker = StillTracker()
    (first,) = tracker.track(frame(), [Prompt(box=BOX)])
    (later,) = tracker.track(frame(9))
    assert first.object_id == later.object_id == 1
    assert later.box == (4, 6, 20, 16)
    assert later.mask.sum() == 16 * 10
    assert (later.state, later.score) == ("tracked", 1.0)


def test_a_click_adds_a_disc_and_one_off_the_object_cuts_it_out():
    tracker = StillTracker()
    (clicked,) = tracker.track(frame(), [Prompt(points=((30.0, 20.0),), labels=(1,))])
    assert clicked.mask[20, 30]
    assert not clicked.mask[20, 40]
    tracker.track(frame(1), [Prompt(object_id=1, box=BOX, mode="replace")])
    (cut,) = tracker.track(frame(2), [Prompt(1, points=((10.0, 10.0),), labels=(0,))])
    assert not cut.mask[10, 10]
    assert cut.mask[15, 19]


def test_a_mask_is_held_as_it_is_even_if_its_array_changes_later():
    mask = np.zeros((48, 64), np.bool_)
    mask[3, 5] = True
    tracker = StillTracker()
    tracker.track(frame(), [Prompt(mask=mask)])
    mask[:] = True
    (held,) = tracker.track(frame(1))
    assert held.box == (5, 3, 6, 4)


def test_undo_takes_prompts_back_one_by_one_and_the_first_one_removes_the_object():
    tracker = StillTracker()
    tracker.track(frame(), [Prompt(box=BOX)])
    tracker.track(frame(1), [Prompt(1, box=OTHER, mode="replace")])
    (back,) = tracker.track(frame(2), [Undo(1)])
    assert back.box == (4, 6, 20, 16)
    assert tracker.track(frame(3), [Undo(1)]) == ()
    with pytest.raises(CommandError, match="object 1 is not tracked; tracked: none"):
        tracker.track(frame(4), [Undo(1)])


def test_undo_and_remove_of_an_object_that_the_same_request_removed_are_rejected():
    tracker = StillTracker()
    tracker.track(frame(), [Prompt(box=BOX)])
    with pytest.raises(CommandError, match="not tracked"):
        tracker.check(frame(1), [Undo(1), Undo(1)])
    with pytest.raises(CommandError, match="not tracked"):
        tracker.check(frame(1), [Reset(), Remove(1)])
    assert tracker.object_ids == (1,)


@pytest.mark.parametrize(
    ("across_gap", "state"), [("keep", "tracked"), ("keep_prompted", "tracked"), ("restart", "lost")]
)
def test_after_a_gap_objects_are_as_the_setting_says(across_gap, state):
    tracker = StillTracker(TrackingSettings(across_gap=across_gap))
    tracker.track(frame(), [Prompt(box=BOX)])
    assert states(tracker.track(frame(1, epoch=1))) == {1: state}
    assert states(tracker.track(frame(2, epoch=1), [Prompt(1, box=BOX)])) == {1: "tracked"}


def test_a_frame_of_another_size_has_masks_of_its_size():
    tracker = StillTracker()
    tracker.track(frame(), [Prompt(box=BOX)])
    (wide,) = tracker.track(frame(1, epoch=1, width=128, height=96))
    assert wide.mask.shape == (96, 128)
    assert wide.box == (8, 12, 40, 32)


def test_an_object_without_a_mask_is_occluded_and_then_lost():
    tracker = StillTracker(TrackingSettings(lost_after=2))
    assert states(tracker.track(frame(), [Prompt(points=((9.0, 9.0),), labels=(0,))])) == {1: "occluded"}
    assert states(tracker.track(frame(1))) == {1: "lost"}
    assert states(tracker.track(frame(2), [Prompt(1, box=BOX)])) == {1: "tracked"}


def test_a_rejected_command_changes_nothing():
    tracker = StillTracker(TrackingSettings(max_objects=1))
    tracker.track(frame(), [Prompt(box=BOX)])
    with pytest.raises(CommandError, match="2 objects; at most 1 are tracked: remove one first"):
        tracker.track(frame(1), [Prompt(box=OTHER)])
    with pytest.raises(CommandError, match="is outside the 64 x 48 frame"):
        tracker.track(frame(1), [Prompt(1, box=(100.0, 0.0, 120.0, 9.0))])
    (held,) = tracker.track(frame(2))
    assert held.box == (4, 6, 20, 16)


def test_ids_of_removed_objects_are_not_given_again_and_the_highest_id_leaves_free_ones():
    tracker = StillTracker()
    tracker.track(frame(), [Prompt(box=BOX), Prompt(box=OTHER), Remove(2)])
    assert [track.object_id for track in tracker.track(frame(1), [Prompt(box=OTHER)])] == [1, 3]
    tracker.track(frame(2), [Prompt(MAX_OBJECT_ID, box=OTHER)])
    assert [track.object_id for track in tracker.track(frame(3), [Prompt(box=OTHER)])] == [1, 3, MAX_OBJECT_ID, 2]


def test_clicks_and_detections_of_one_frame_get_ids_of_their_own():
    """Sixty clicks, and a finder that prompts two boxes, all waiting for the same frame."""

    class Finder:
        def find(self, frame):
            return [Detection(BOX, 0.9), Detection(OTHER, 0.8)]

    acks: list[Ack] = []
    commands: Channel[Request] = Channel(100)
    stage = TrackStage(StillTracker(TrackingSettings(max_objects=100)), commands, [], (), clock_ns=lambda: 0)
    empty = stage.step(frame(), 0)
    for _ in range(30):
        commands.put(Request((Prompt(box=(1.0, 1.0, 3.0, 3.0)),), acks.append))
    finder = AutoPrompter(Finder(), commands, FindSettings(min_area=0.001, max_objects=100))
    finder.write(empty)
    for _ in range(30):
        commands.put(Request((Prompt(box=(1.0, 1.0, 3.0, 3.0)),), acks.append))
    result = stage.step(frame(1), 0)
    clicked = [object_id for ack in acks for object_id in ack.object_ids]
    tracked = [track.object_id for track in result.tracks]
    assert [ack.error for ack in acks] == [None] * 60
    assert len(set(clicked)) == 60
    assert sorted(tracked) == list(range(1, 63))


def test_no_accepted_id_ends_a_run():
    """Ids above 16 bits, and the highest there is, beside objects without an id."""
    commands: Channel[Request] = Channel(8)
    acks: list[Ack] = []
    stage = TrackStage(StillTracker(), commands, [], (), clock_ns=lambda: 0)
    for index, prompt in enumerate([Prompt(70_000, box=BOX), Prompt(MAX_OBJECT_ID, box=OTHER), Prompt(box=BOX)]):
        commands.put(Request((prompt,), acks.append))
        stage.step(frame(index), 0)
    assert [ack.object_ids for ack in acks] == [(70_000,), (MAX_OBJECT_ID,), (1,)]


def test_settings_of_a_model_are_rejected_in_one_line():
    for words in ({"size": 256}, {"device": "cuda"}, {"runtime": "openvino"}):
        with pytest.raises(UsageError, match="leave out size, device and runtime"):
            open_engine("still", **words)


def test_a_state_file_is_rejected_in_one_line():
    with pytest.raises(UsageError, match="model still keeps no state; leave out state"):
        open_engine("still").persistent_tracker(Path("state"))
