import contextlib
import os
import signal
import threading
from dataclasses import dataclass, field, replace

import pytest

from streamer.config.settings import ZoneSettings
from streamer.events.types import Event
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.pipeline.signals import stopped_by_signals
from streamer.types import Ack, Pause, Prompt, Remove, Request, Resume
from tests.fakes import FakeSource, FakeTracker, ListSink, picture
from tests.waiting import wait

BOX = (1.0, 1.0, 20.0, 20.0)


def run(source=None, tracker=None, sinks=None, **options):
    pipeline = Pipeline(source or FakeSource(), tracker or FakeTracker(), sinks or {}, **options)
    pipeline.run()
    return pipeline


def ask(pipeline, *commands):
    answers: list[Ack] = []
    pipeline.commands.put(Request(commands, answers.append))
    return answers


def test_the_threaded_path_gives_what_a_plain_loop_gives():
    sink, tracker, plain = ListSink(), FakeTracker(), FakeTracker()
    run(FakeSource(30), tracker, {"list": sink}, first=[Prompt(1, box=BOX)])
    for index in range(30):
        plain.track(picture(index), [Prompt(1, box=BOX)] if index == 0 else [])
    assert [r.frame.index for r in sink.results] == list(range(30))
    assert [[t.object_id for t in r.tracks] for r in sink.results] == [[1]] * 30
    assert [entry[0] for entry in tracker.log] == [entry[0] for entry in plain.log]


def test_every_sink_gets_every_result_of_a_recording_and_is_closed():
    sinks = {"a": ListSink(), "b": ListSink()}
    run(FakeSource(20), sinks=sinks)
    assert [len(sink.results) for sink in sinks.values()] == [20, 20]
    assert all(sink.closed for sink in sinks.values())


def test_a_live_source_drops_and_the_drops_travel_in_the_results():
    class Slow(FakeTracker):
        def track(self, frame, commands=()):
            released.wait(1)
            return super().track(frame, commands)

    class Ready(FakeSource):
        def __iter__(self):
            yield from super().__iter__()
            released.set()

    released = threading.Event()
    sink = ListSink()
    pipeline = run(Ready(50, live=True), Slow(), {"list": sink})
    assert pipeline.captured == 50
    assert pipeline.dropped > 40
    assert pipeline.dropped + pipeline.figures.tracked == 50
    assert sink.results[-1].dropped == pipeline.dropped


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"source": FakeSource(fails_at=3)}, "camera burned"),
        ({"tracker": FakeTracker(fails_at=3)}, "lost its mind"),
        ({"sinks": {"bad": ListSink(fails_at=2), "good": ListSink()}}, "disk burned"),
    ],
)
def test_the_first_failure_is_raised_in_run_with_its_traceback(parts, message):
    with pytest.raises(RuntimeError, match=message) as caught:
        run(**{"source": FakeSource(1000)} | parts)
    assert any("fakes" in str(entry.path) for entry in caught.traceback)


def test_a_failing_stage_still_closes_every_sink():
    sinks = {"bad": ListSink(fails_at=0), "good": ListSink()}
    with pytest.raises(RuntimeError):
        run(FakeSource(100), sinks=sinks)
    assert all(sink.closed for sink in sinks.values())


def test_results_before_a_failure_are_written():
    sink = ListSink()
    with pytest.raises(RuntimeError):
        run(FakeSource(10), FakeTracker(fails_at=6), {"list": sink})
    assert [r.frame.index for r in sink.results] == [0, 1, 2, 3, 4, 5]


def test_the_frame_limit_ends_the_run():
    assert run(FakeSource(1000), limits=Limits(frames=7)).figures.tracked == 7


def test_the_time_limit_ends_the_run():
    source = FakeSource(10**9, live=True)
    run(source, limits=Limits(seconds=0.1))
    assert source.closed.is_set()


def test_an_acknowledgement_names_the_frame_that_took_the_command():
    pipeline = Pipeline(FakeSource(5), FakeTracker(), {})
    answers = ask(pipeline, Prompt(1, box=BOX))
    pipeline.run()
    assert answers == [Ack(index=0, epoch=0, object_ids=(1,))]


def test_a_bad_command_is_refused_and_the_others_take_effect():
    tracker = FakeTracker()
    pipeline = Pipeline(FakeSource(5), tracker, {})
    bad = ask(pipeline, Remove(9))
    outside = ask(pipeline, Prompt(3, points=((999.0, 1.0),), labels=(1,)))
    good = ask(pipeline, Prompt(1, box=BOX))
    pipeline.run()
    assert bad[0].error == "object 9 is not tracked"
    assert "outside" in str(outside[0].error)
    assert good[0].error is None
    assert tracker.ids == [1]


def test_a_second_prompt_for_an_object_waits_for_the_next_frame():
    pipeline = Pipeline(FakeSource(5), FakeTracker(), {})
    first, second, third = (ask(pipeline, Prompt(1, box=BOX)) for _ in range(3))
    pipeline.run()
    assert [answers[0].index for answers in (first, second, third)] == [0, 1, 2]


def test_commands_of_one_request_take_effect_together_or_not_at_all():
    tracker = FakeTracker()
    pipeline = Pipeline(FakeSource(5), tracker, {})
    answers = ask(pipeline, Prompt(1, box=BOX), Remove(7))
    pipeline.run()
    assert "object 7" in str(answers[0].error)
    assert tracker.ids == []


def test_pause_lets_frames_pass_untracked_until_resume():
    sink = ListSink()
    pipeline = Pipeline(FakeSource(5), FakeTracker(), {"list": sink})
    ask(pipeline, Pause())
    refused = ask(pipeline, Prompt(1, box=BOX))
    pipeline.run()
    assert sink.results == []
    assert "paused" in str(refused[0].error)
    pipeline = Pipeline(FakeSource(5), FakeTracker(), {"list": sink})
    ask(pipeline, Pause())
    ask(pipeline, Resume())
    pipeline.run()
    assert len(sink.results) == 5


def test_commands_that_come_too_late_are_answered():
    pipeline = Pipeline(FakeSource(1), FakeTracker(fails_at=0), {})
    answers = ask(pipeline, Prompt(1, box=BOX), Prompt(2, box=BOX))
    with pytest.raises(RuntimeError):
        pipeline.run()
    assert answers == [] or answers[0].error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order_and_the_handlers_are_given_back(number):
    before = signal.getsignal(number)
    source, sink = FakeSource(10**9, live=True), ListSink()
    pipeline = Pipeline(source, FakeTracker(), {"list": sink})

    def kill_after_a_result():
        wait(lambda: sink.results)
        os.kill(os.getpid(), number)

    threading.Thread(target=kill_after_a_result, daemon=True).start()
    with stopped_by_signals(pipeline.stop):
        pipeline.run()
    assert sink.closed
    assert sink.results
    assert signal.getsignal(number) is before


def test_a_step_that_does_not_end_is_left_behind_and_sinks_write_what_came_before(monkeypatch):
    monkeypatch.setattr("streamer.pipeline.pipeline.STEP_TIMEOUT_S", 0.05)
    blocked, ended = threading.Event(), threading.Event()

    class Stuck(FakeTracker):
        def track(self, frame, commands=()):
            if frame.index == 3:
                blocked.set()
                ended.wait(5)
            return super().track(frame, commands)

    sink = ListSink()
    pipeline = Pipeline(FakeSource(5), Stuck(), {"list": sink})
    stopping = threading.Thread(target=lambda: blocked.wait(5) and pipeline.stop())
    stopping.start()
    pipeline.run()
    assert not ended.is_set()
    assert [result.frame.index for result in sink.results] == [0, 1, 2]
    assert sink.closed
    ended.set()
    for thread in threading.enumerate():
        if thread.name == "track":
            thread.join(5)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    run(FakeSource(5), sinks={"list": ListSink()})
    assert threading.active_count() == before


def test_a_live_source_is_tracked_no_faster_than_it_may():
    source = FakeSource(300, live=True)
    sink = ListSink()
    pipeline = run(source, sinks={"list": sink}, limits=Limits(fps=1.0))
    assert len(sink.results) == 1  # 300 pictures in far less than a second
    assert pipeline.source_figures.skipped == pipeline.captured - 1


def test_a_turn_is_waited_for_and_then_the_newest_picture_is_tracked():
    entered, may = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def turn():
        entered.set()
        may.wait(5)
        yield

    class Slow(FakeSource):
        def __iter__(self):
            yield picture(0)
            entered.wait(5)
            yield picture(1)
            yield picture(2)
            may.set()

    sink = ListSink()
    pipeline = run(Slow(live=True), sinks={"list": sink}, acquire=turn)
    assert [result.frame.index for result in sink.results] == [2]
    assert pipeline.dropped == 2


def test_what_is_asked_for_together_with_a_pause_comes_before_it():
    sink, tracker = ListSink(), FakeTracker()
    pipeline = run(FakeSource(5), tracker, {"list": sink}, first=[Prompt(1, box=BOX), Pause()])
    assert tracker.ids == [1]
    assert [result.frame.index for result in sink.results] == [0]
    assert pipeline.status()["paused"]


class TimedSource(FakeSource):
    """A recording of a frame a second, which is read as fast as it can be."""

    def __iter__(self):
        for frame in super().__iter__():
            yield replace(frame, pts_s=float(frame.index))


@dataclass
class EventList:
    """Takes events alone."""

    events: list[Event] = field(default_factory=list)

    def notify(self, event):
        self.events.append(event)

    def close(self):
        pass


def test_seconds_of_a_recording_are_its_own_however_fast_it_is_read():
    events, results = EventList(), ListSink()
    everywhere = ZoneSettings(name="all", points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), dwell_s=3.0)
    sinks = {"events": events, "results": results}
    run(TimedSource(6), sinks=sinks, first=[Prompt(1, box=BOX)], zones=[everywhere])
    assert [(event.kind, event.index) for event in events.events] == [("started", 0), ("entered", 0), ("stayed", 3)]
    assert [result.gap_s for result in results.results] == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_seconds_of_a_live_source_are_those_of_its_capture():
    results = ListSink()
    run(TimedSource(3, live=True), sinks={"results": results})
    assert results.results
    assert all(result.time_ns == result.frame.captured_ns for result in results.results)
