"""Which objects there are: commands, undo, gaps and ids, without a model."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam.object_table import UNDONE_AT_MOST, ObjectTable
from streamer.errors import CommandError
from streamer.types import Prompt, Remove, Reset, Undo


@dataclass
class Memory:
    """Stands for a memory: a list of the frames that it remembers."""

    frames: list[int] = field(default_factory=list)

    def copy(self):
        return Memory(list(self.frames))

    def forget_recent(self):
        del self.frames[1:]


def table_of(tracking) -> Any:
    """A table whose memories are lists of frames."""
    return ObjectTable(tracking, cast("Any", Memory))


@pytest.fixture
def table():
    return table_of(TrackingSettings())


def apply(table, frame, *commands):
    """A frame's commands, and a step that remembers the frame of each object."""
    changes = table.apply(frame, table.check(frame, commands))
    for tracked in (*table.objects.values(), *changes.new.values()):
        tracked.memory.frames.append(frame.index)
    table.commit(changes)
    return changes


def at(frame, index, epoch=0):
    return replace(frame, index=index, epoch=epoch)


BOX = (4.0, 4.0, 20.0, 20.0)


def test_new_objects_get_the_lowest_ids_above_all_before_them(table, frame):
    apply(table, frame, Prompt(box=BOX), Prompt(7, box=BOX))
    apply(table, frame, Remove(7), Prompt(box=BOX))
    assert table.object_ids == (1, 8)


def test_checking_commands_changes_nothing(table, frame):
    apply(table, frame, Prompt(box=BOX))
    table.check(frame, [Remove(1), Prompt(box=BOX), Reset()])
    assert table.object_ids == (1,)
    assert table.highest_id == 1


def test_a_refused_command_leaves_the_others_of_its_frame_undone(table, frame):
    apply(table, frame, Prompt(box=BOX))
    with pytest.raises(CommandError, match="object 5 is not tracked; tracked: 1, 2"):
        table.check(frame, [Prompt(2, box=BOX), Remove(5)])
    assert table.object_ids == (1,)


def test_an_object_joins_only_when_its_step_has_succeeded(table, frame):
    table.apply(frame, table.check(frame, [Prompt(box=BOX)]))
    assert table.object_ids == ()
    assert table.check(frame, [Prompt(box=BOX)])[0].object_id == 2  # its id is not given to another one


def test_undo_takes_back_a_refinement_and_then_the_object(table, frame):
    apply(table, at(frame, 0), Prompt(box=BOX))
    apply(table, at(frame, 1), Prompt(1, points=((9.0, 9.0),), labels=(1,)))
    apply(table, at(frame, 2), Undo(1))
    assert table.objects[1].memory.frames == [0, 2]
    apply(table, at(frame, 3), Undo(1))
    assert table.object_ids == ()


def test_undo_of_a_replacement_gives_the_replaced_object_back(table, frame):
    apply(table, at(frame, 0), Prompt(box=BOX))
    apply(table, at(frame, 1), Prompt(1, box=BOX, mode="replace"))
    assert table.objects[1].memory.frames == [1]
    apply(table, at(frame, 2), Undo(1))
    assert table.objects[1].memory.frames == [0, 2]


def test_only_so_many_prompts_of_an_object_can_be_taken_back(table, frame):
    for index in range(UNDONE_AT_MOST + 3):
        apply(table, at(frame, index), Prompt(1, box=BOX))
    assert len(table.objects[1].before) == UNDONE_AT_MOST


def test_a_removal_or_reset_takes_back_prompts_of_the_same_frame(table, frame):
    assert not apply(table, frame, Prompt(1, box=BOX), Remove(1)).prompts
    assert not apply(table, frame, Prompt(1, box=BOX), Reset()).prompts
    assert table.object_ids == ()


@pytest.mark.parametrize(("policy", "remembered"), [("keep", [0, 1, 2]), ("keep_prompted", [0, 2]), ("restart", None)])
def test_the_policy_decides_what_is_remembered_across_a_gap(policy, remembered, frame):
    table = table_of(TrackingSettings(across_gap=policy))
    apply(table, at(frame, 0), Prompt(box=BOX))
    apply(table, at(frame, 1))
    apply(table, at(frame, 2, epoch=1))
    known = table.objects.get(1)
    assert (known and known.memory.frames) == remembered
    assert table.object_ids == (1,)


def test_an_object_that_waits_after_a_restart_goes_on_with_its_next_prompt(frame):
    table = table_of(TrackingSettings(across_gap="restart"))
    apply(table, at(frame, 0), Prompt(box=BOX))
    apply(table, at(frame, 1, epoch=1))
    assert table.unprompted == [1]
    apply(table, at(frame, 2, epoch=1), Prompt(1, box=BOX))
    assert table.unprompted == []
    assert list(table.objects) == [1]


def test_more_objects_than_allowed_are_refused(frame):
    table = table_of(TrackingSettings(max_objects=1))
    with pytest.raises(CommandError, match="2 objects; at most 1 are tracked: remove one first"):
        table.check(frame, [Prompt(box=BOX), Prompt(box=BOX)])
