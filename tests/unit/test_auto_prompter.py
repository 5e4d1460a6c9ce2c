"""What is tracked without anybody pointing at it."""

from dataclasses import replace

import numpy as np
import pytest

from streamer.channel import Channel
from streamer.config.settings import FindSettings
from streamer.finders.auto_prompter import AutoPrompter, choose
from streamer.finders.motion import WARM_UP_FRAMES, Motion
from streamer.pipeline.pipeline import Pipeline
from streamer.sinks import NullSink
from streamer.types import Ack, Detection, Find, Frame, Request, Track, TrackResult
from tests.fakes import FakeSource, FakeTracker


class Planted:
    """A finder that sees what it was told to."""

    def __init__(self, *found):
        self.found, self.looks = found, 0

    def find(self, _frame):
        self.looks += 1
        return self.found


def blank(index=0, value=90):
    return Frame.from_image(np.full((100, 200, 3), value, np.uint8), index=index)


def tracked(object_id, box):
    mask = np.zeros((100, 200), bool)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return Track(object_id, mask, box, 0.9, 0.9, "tracked")


def drawn(index, x):
    image = np.full((100, 200, 3), 90, np.uint8)
    image[40:60, x : x + 30] = 220
    return Frame.from_image(image, index=index)


def test_what_is_found_is_prompted_by_its_box_and_the_tracker_allocates_the_ids():
    commands = Channel(4)
    prompter = AutoPrompter(
        Planted(Detection((10, 10, 40, 40), 0.9), Detection((100, 10, 140, 40), 0.8)),
        commands,
        FindSettings(min_score=0.3),
    )
    prompter.write(TrackResult(blank(), (tracked(7, (150, 50, 190, 90)),)))
    (request,) = commands.drain()
    assert [(prompt.object_id, prompt.box) for prompt in request.commands] == [
        (None, (10, 10, 40, 40)),
        (None, (100, 10, 140, 40)),
    ]


def test_it_looks_every_so_often_or_when_it_is_told_to():
    finder = Planted()
    prompter = AutoPrompter(finder, Channel(4), FindSettings(min_score=0.3, every_s=2.0))
    looks = []
    for now_s in (0.0, 1.0, 2.0, 2.5, 1.0):  # at last the recording begins anew
        prompter.write(TrackResult(replace(blank(), pts_s=now_s), ()))
        looks.append(finder.looks)
    assert looks == [1, 1, 2, 2, 3]
    prompter.now()
    prompter.write(TrackResult(replace(blank(), pts_s=1.1), ()))
    assert finder.looks == 4


def test_what_was_prompted_and_is_not_tracked_yet_is_not_prompted_again():
    commands = Channel(4)
    prompter = AutoPrompter(Planted(Detection((10, 10, 40, 40), 0.9)), commands, FindSettings(min_score=0.3, every_s=0))
    prompter.write(TrackResult(blank(), ()))
    (request,) = commands.drain()
    prompter.write(TrackResult(blank(), ()))
    request.reply(Ack(index=2, object_ids=(1,)))
    prompter.write(TrackResult(blank(), ()))
    assert commands.drain() == []
    prompter.write(TrackResult(blank(), (tracked(1, (60, 10, 90, 40)),)))  # it is tracked, and has gone elsewhere
    assert len(commands.drain()) == 1


def test_what_was_refused_may_be_found_again():
    commands = Channel(4)
    prompter = AutoPrompter(Planted(Detection((10, 10, 40, 40), 0.9)), commands, FindSettings(min_score=0.3, every_s=0))
    for _ in range(2):
        prompter.write(TrackResult(blank(), ()))
        (request,) = commands.drain()
        request.reply(Ack(error="too many objects"))


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (Detection((10, 10, 40, 40), 0.2), False),  # unsure
        (Detection((10, 10, 12, 12), 0.9), False),  # small
        (Detection((0, 0, 200, 100), 0.9), False),  # the whole picture
        (Detection((152, 52, 188, 88), 0.9), False),  # a part of what is tracked
        (Detection((140, 40, 198, 98), 0.9), False),  # what is tracked and more
        (Detection((10, 60, 40, 95), 0.9), False),  # out of the region
        (Detection((10, 10, 40, 40), 0.9), True),
    ],
)
def test_only_what_is_sure_of_a_fair_size_in_the_region_and_new_is_taken(found, kept):
    choice = FindSettings(min_score=0.3, region=(0, 0, 200, 60))
    assert bool(choose([found], blank(), [tracked(1, (150, 50, 190, 90))], choice)) is kept


def test_of_two_finds_of_one_thing_the_surer_is_taken_and_never_too_many():
    twice = [Detection((10, 10, 40, 40), 0.5), Detection((12, 12, 42, 42), 0.9)]
    assert choose(twice, blank(), [], FindSettings(min_score=0.3)) == [twice[1]]
    many = [Detection((10 * n, 0, 10 * n + 8, 8), 0.9) for n in range(9)]
    assert len(choose(many, blank(), [], FindSettings(min_score=0.3, max_objects=4))) == 4


def test_motion_finds_what_moves_and_not_what_stands():
    motion = Motion()
    for index in range(WARM_UP_FRAMES + 20):
        frame = drawn(index, 10 + index)
        motion.see(frame)
    found = motion.find(frame)
    (x0, y0, x1, y1) = found[0].box
    assert 10 + index - 12 <= x0 < x1 <= 10 + index + 42
    assert 40 - 12 <= y0 < y1 <= 60 + 12
    for index in range(400):
        motion.see(drawn(index, 100))
    assert motion.find(drawn(0, 100)) == []


def test_find_is_refused_where_nothing_finds():
    pipeline = Pipeline(FakeSource(1), FakeTracker(), {"null": NullSink()})
    acks = []
    pipeline.commands.offer(Request((Find(),), acks.append))
    pipeline.run()
    assert acks[0].error == "this run has nothing that finds objects; start it with --find"


def test_find_reaches_the_prompter_and_what_it_finds_is_tracked():
    commands = Channel(4)
    finder = Planted(Detection((10, 10, 40, 40), 0.9))
    prompter = AutoPrompter(finder, commands, FindSettings(min_score=0.3, every_s=80_000))
    prompter.write(TrackResult(blank(), ()))
    finder.found = (Detection((100, 10, 140, 40), 0.9),)
    acks = []
    commands.offer(Request((Find(),), acks.append))
    pipeline = Pipeline(FakeSource(1), FakeTracker(), {"find": prompter}, commands=commands)
    pipeline.run()
    assert finder.looks == 2
    assert acks[0].error is None
