"""A result for every captured frame of a live source."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from streamer.channel import Channel
from streamer.config.motion import MotionSettings
from streamer.config.settings import ZoneSettings
from streamer.edgetam.still import StillTracker
from streamer.pipeline.motion_stage import FIRST_WAIT_S, IMPATIENCE_NS, ModelPace, MotionStage
from streamer.pipeline.pipeline import Pipeline
from streamer.types import Pause, Prompt, Request, TrackResult
from tests.fakes import FakeSource, FakeTracker, ListSink, picture, track
from tests.waiting import wait

MS = 1_000_000
BOX = (1.0, 1.0, 20.0, 20.0)


def frame_at(index: int, period_ms: float = 33.3):
    return replace(picture(index), captured_ns=int(index * period_ms * MS) + 1)


def answered(frame, latency_ms: float, *tracks) -> TrackResult:
    return TrackResult(frame, tracks, tracked_ns=frame.captured_ns + int(latency_ms * MS))


def pace(period_ms: float, latency_ms: float) -> ModelPace:
    measured = ModelPace()
    for index in range(20):
        measured.captured(frame_at(index, period_ms))
        measured.answered(answered(frame_at(index, period_ms), latency_ms))
    return measured


def test_an_answer_is_waited_for_only_where_the_model_keeps_up_with_the_source():
    frame = frame_at(20, 100.0)
    assert pace(100.0, 40.0).wait_s(frame, frame.captured_ns) == pytest.approx(0.1, abs=0.01)
    assert pace(100.0, 90.0).wait_s(frame, frame.captured_ns) == 0.0
    assert ModelPace().wait_s(frame, frame.captured_ns) == FIRST_WAIT_S


def test_after_an_answer_that_did_not_come_nobody_waits_for_a_while():
    measured, frame = pace(100.0, 40.0), frame_at(20, 100.0)
    measured.disappointed(frame.captured_ns)
    assert measured.wait_s(frame, frame.captured_ns) == 0.0
    later = replace(frame, captured_ns=frame.captured_ns + IMPATIENCE_NS)
    assert measured.wait_s(later, later.captured_ns) > 0


def test_an_answer_that_comes_in_time_is_the_result_and_one_that_does_not_is_carried():
    stage, now = MotionStage(MotionSettings(), lambda: 0), [frame_at(index) for index in range(3)]
    stage.answer(answered(now[0], 50.0, track(1)), (1,))
    first = stage.step(now[0], 0)
    second = stage.step(now[1], 0)
    assert (first.mask_from, first.tracks[0].age) == ("model", 0)
    assert (second.mask_from, second.tracks[0].mask_from, second.tracks[0].age) == ("motion", "motion", 1)


def test_a_pause_forgets_what_was_carried():
    stage = MotionStage(MotionSettings(), lambda: 0)
    stage.answer(answered(frame_at(0), 50.0, track(1)), (1,))
    stage.step(frame_at(0), 0)
    stage.clear()
    assert stage.step(frame_at(1), 0).tracks == ()


def test_a_step_takes_the_neediest_objects_when_there_is_no_time_for_all():
    stage = MotionStage(MotionSettings(step_ms=60.0), lambda: 0)
    assert stage.attention([1, 2, 3], []).only is None  # nothing measured yet
    stage.answer(answered(frame_at(0), 50.0, track(1), track(2), track(3)), (1, 2, 3))
    stage.step(frame_at(0), 0)
    stage.step(frame_at(1), 0)
    stage.answer(answered(frame_at(1), 50.0, track(2)), (1, 2, 3))
    stage.step(frame_at(2), 0)
    stage.measured(90.0, 3)
    attention = stage.attention([1, 2, 3], [])
    assert attention.only == {1, 3}
    assert stage.is_selecting
    assert stage.attention([1, 2, 3], [2]).only >= {2}
    assert len(stage.attention([1, 2, 3], [2]).only) == 2


def test_however_slow_steps_are_every_object_has_its_turn_in_four_of_them():
    stage, ids, looked = MotionStage(MotionSettings(step_ms=1.0), lambda: 0), list(range(1, 11)), set[int]()
    stage.answer(answered(frame_at(0), 50.0, *map(track, ids)), ids)
    stage.step(frame_at(0), 0)
    stage.measured(5000.0, 10)
    for index in range(1, 5):
        stage.step(frame_at(index), 0)
        only = stage.attention(ids, []).only
        assert len(only) == 3
        looked |= only
        stage.answer(answered(frame_at(index), 50.0, *map(track, sorted(only))), ids)
    assert looked == set(ids)


@dataclass
class BothSink(ListSink):
    """Keeps the model's results too."""

    model_results: list[TrackResult] = field(default_factory=list)

    def write_model(self, result: TrackResult) -> None:
        self.model_results.append(result)


class SlowTracker(FakeTracker):
    """Answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Semaphore(1)
        self.started = 0

    def track(self, frame, commands=()):
        self.started += 1
        assert self.may_answer.acquire(timeout=5)
        return super().track(frame, commands)


@dataclass
class SteppedSource(FakeSource):
    """A live source whose frames come one by one, with something between them."""

    between: Callable[[int], object] = print

    def __iter__(self):
        for index in range(self.count):
            yield picture(index)
            self.between(index)


def run_stepped(tracker: SlowTracker, sink: BothSink, **options) -> Pipeline:
    """Nine frames, each when the one before has its result. The model answers at once to frame 0, then to frame 1 after
    frame 4 was shown, then after frame 7.
    """

    def between(index):
        wait(lambda: len(sink.results) > index)
        if index == 1:
            wait(lambda: tracker.started == 2)
        if index == 4:
            tracker.may_answer.release()
            wait(lambda: len(sink.model_results) == 2)
        if index == 7:
            tracker.may_answer.release(100)

    source = SteppedSource(9, live=True, between=between)
    pipeline = Pipeline(source, tracker, {"both": sink}, motion=MotionSettings(), **options)
    pipeline.run()
    return pipeline


def test_every_captured_frame_has_a_result_while_the_model_is_busy_and_its_own_results_go_to_those_who_ask():
    tracker, sink = SlowTracker(), BothSink()
    pipeline = run_stepped(tracker, sink, first=[Prompt(1, box=BOX)])
    assert [result.frame.index for result in sink.results] == list(range(9))
    shown = [(result.mask_from, result.tracks[0].age) for result in sink.results[:8]]
    assert shown[0] == ("model", 0)
    assert shown[1:] == [("motion", age) for age in (1, 2, 3, 4, 4, 5, 6)]
    assert [result.frame.index for result in sink.model_results][:2] == [0, 1]
    assert all(track.mask_from == "model" for result in sink.model_results for track in result.tracks)
    assert pipeline.dropped == 0
    assert pipeline.status()["results"] == 9
    assert pipeline.status()["motion"]["carried"] >= 7


def test_a_request_is_acknowledged_with_the_first_frame_whose_result_holds_its_effect():
    tracker, sink, acks = SlowTracker(), BothSink(), []
    commands: Channel[Request] = Channel(4)
    commands.put(Request((Prompt(1, box=BOX),), acks.append))
    run_stepped(tracker, sink, commands=commands)
    assert [(ack.error, ack.index, ack.object_ids) for ack in acks] == [(None, 0, (1,))]
    tracker, sink, acks = SlowTracker(), BothSink(), []
    commands = Channel(4)

    class Asking(BothSink):
        def write(self, result):
            if result.frame.index == 0:
                commands.put(Request((Prompt(2, box=BOX),), acks.append))
            super().write(result)

    sink = Asking()
    run_stepped(tracker, sink, commands=commands, first=[Prompt(1, box=BOX)])
    assert [(ack.error, ack.index, ack.object_ids) for ack in acks] == [(None, 5, (2,))]
    holding = [result.frame.index for result in sink.results if len(result.tracks) == 2]
    assert holding == [5, 6, 7, 8]


def test_memory_never_sees_a_carried_mask():
    """The tracker gets frames and commands, and nothing else."""
    tracker = SlowTracker()
    run_stepped(tracker, BothSink(), first=[Prompt(1, box=BOX)])
    assert tracker.log[0][1] != ()
    assert all(commands == () for _, commands in tracker.log[1:])


def test_events_come_from_the_models_results_alone():
    @dataclass
    class EventList(BothSink):
        events: list = field(default_factory=list)

        def notify(self, event):
            self.events.append(event)

    tracker, sink = SlowTracker(), EventList()
    everywhere = ZoneSettings(name="all", points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    run_stepped(tracker, sink, first=[Prompt(1, box=BOX)], zones=[everywhere])
    assert [(event.kind, event.index) for event in sink.events] == [("started", 0), ("entered", 0)]


def test_a_recording_has_no_carried_masks():
    sink = BothSink()
    pipeline = Pipeline(FakeSource(20), FakeTracker(), {"both": sink}, motion=MotionSettings())
    pipeline.run()
    assert pipeline.status()["motion"] is None
    assert [result.frame.index for result in sink.results] == list(range(20))
    assert len(sink.model_results) == 20


def test_a_paused_run_gives_no_results_with_motion_either():
    sink = BothSink()
    pipeline = Pipeline(
        FakeSource(50, live=True), FakeTracker(), {"both": sink}, motion=MotionSettings(), first=[Pause()]
    )
    pipeline.run()
    assert sink.results == []


def test_a_failure_of_the_tracker_ends_the_run_and_closes_the_sinks():
    class Failing(FakeTracker):
        def track(self, frame, commands=()):
            raise RuntimeError("the tracker lost its mind")

    sink = BothSink()
    pipeline = Pipeline(FakeSource(10**6, live=True), Failing(), {"both": sink}, motion=MotionSettings())
    with pytest.raises(RuntimeError, match="lost its mind"):
        pipeline.run()
    assert sink.closed


def test_a_failure_of_a_sink_ends_the_run():
    pipeline = Pipeline(
        FakeSource(10**6, live=True), FakeTracker(), {"bad": ListSink(fails_at=2)}, motion=MotionSettings()
    )
    with pytest.raises(RuntimeError, match="disk burned"):
        pipeline.run()


def test_a_camera_without_objects_does_not_wait_for_the_engine():
    held = []

    @contextlib.contextmanager
    def acquire():
        held.append(True)
        yield

    pipeline = Pipeline(FakeSource(20), StillTracker(), {}, acquire=acquire)
    pipeline.run()
    assert (pipeline.figures.tracked, held) == (20, [])
    pipeline = Pipeline(FakeSource(20), StillTracker(), {}, acquire=acquire, first=[Prompt(1, box=BOX)])
    pipeline.run()
    assert (pipeline.figures.tracked, len(held)) == (20, 20)
