"""The motion stage: every captured frame gets a result, with the model's masks or with carried ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from streamer.channel import Channel, Closed
from streamer.config.motion import MotionSettings
from streamer.motion.carrier import MaskCarrier, ModelAnswer
from streamer.motion.carry import Standing
from streamer.motion.need import StepBudget, attention_of
from streamer.pipeline.acknowledgements import NOTHING, Acknowledgements
from streamer.types import Attention, Frame, TrackResult

ANSWERS_DEPTH = 64
SMOOTHING = 0.2  # of a new measurement
IN_TIME = 0.8  # of a frame's time: where the model usually answers within it, its answer is waited for
FIRST_WAIT_S = 2.0  # for the model's first answer
IMPATIENCE_NS = 1_000_000_000  # after an answer that did not come in time


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The model's result, the ids of all objects, and the requests that took effect on its frame."""

    result: TrackResult
    object_ids: tuple[int, ...]
    acknowledgements: Acknowledgements = NOTHING


class ModelPace:
    """Whether the model answers before the next frame comes; time is an argument, in ns."""

    def __init__(self) -> None:
        self._period_ns = 0.0
        self._latency_ns = 0.0
        self._last_ns: int | None = None
        self._impatient_until_ns = 0

    def captured(self, frame: Frame) -> None:
        if self._last_ns is not None:
            self._period_ns = _smoothed(self._period_ns, frame.captured_ns - self._last_ns)
        self._last_ns = frame.captured_ns

    def answered(self, result: TrackResult) -> None:
        self._latency_ns = _smoothed(self._latency_ns, result.tracked_ns - result.frame.captured_ns)

    def wait_s(self, frame: Frame, now_ns: int) -> float:
        """Seconds that the model's answer to this frame may still take; 0: it is not expected in time."""
        if self._latency_ns == 0 and self._impatient_until_ns == 0:
            return FIRST_WAIT_S  # at the start there is nothing to show before the first answer
        keeps_up = 0 < self._latency_ns < IN_TIME * self._period_ns
        if not keeps_up or now_ns < self._impatient_until_ns:
            return 0.0
        return max(0.0, (frame.captured_ns + self._period_ns - now_ns) / 1e9)

    def disappointed(self, now_ns: int) -> None:
        """An answer that was waited for did not come."""
        self._impatient_until_ns = now_ns + IMPATIENCE_NS


class MotionStage:
    """Owned by the motion thread, but for `answer`, `attention` and `measured`, which the tracking thread calls."""

    def __init__(self, settings: MotionSettings, clock_ns: Callable[[], int]) -> None:
        self.answers: Channel[Answer | None] = Channel(ANSWERS_DEPTH)
        self.is_selecting = False  # the last step of the model took some objects only
        self._settings, self._clock_ns = settings, clock_ns
        self._carrier, self._pace = MaskCarrier(settings), ModelPace()
        self._budget = StepBudget(settings.step_ms)
        self._standings: tuple[Standing, ...] = ()  # of the newest frame: replaced, never changed
        self._newest: TrackResult | None = None  # of the model
        self._unanswered: list[Acknowledgements] = []
        self._last: Frame | None = None

    def answer(
        self, result: TrackResult | None, object_ids: Sequence[int], acknowledgements: Acknowledgements = NOTHING
    ) -> None:
        """What the model found, the ids of all objects, and the requests that took effect; None: nothing, in a pause.

        Raises Closed at the end.
        """
        self.answers.put(None if result is None else Answer(result, tuple(object_ids), acknowledgements))

    def attention(self, object_ids: Sequence[int], prompted: Collection[int]) -> Attention:
        """What the model's next step looks for."""
        fitting, guide = self._budget.objects, self._settings.guide
        attention = attention_of(object_ids, prompted, self._standings, fitting, guide=guide)
        self.is_selecting = attention.only is not None
        return attention

    def measured(self, step_ms: float, objects: int) -> None:
        """Learn from the time of the model's step."""
        self._budget.measured(step_ms, objects)

    def step(self, frame: Frame, dropped: int, paused: Callable[[], bool] = lambda: False) -> TrackResult | None:
        """The result of a captured frame; None while tracking is paused."""
        began_ns = self._clock_ns()
        self._pace.captured(frame)
        self._carrier.see(frame)
        self._take(self.answers.drain())
        waiting_ns = self._clock_ns()
        if not paused():
            self._await(frame)
        began_ns += self._clock_ns() - waiting_ns  # the wait is the model's time
        if paused():  # perhaps since the wait
            self.clear()
            return None
        self._standings = standings = self._carrier.standings()
        return self._result(frame, standings, dropped, began_ns)

    def acknowledge(self, shown: Frame | None = None) -> None:
        """Requests whose effect is in the result of `shown` are answered; at the end all that there are."""
        for each in self._unanswered:
            each.send(shown)
        self._unanswered.clear()

    def close(self) -> None:
        """Nothing more will be shown."""
        self._take(self.answers.drain())
        self.answers.abort()
        self.acknowledge()

    def clear(self) -> None:
        """Frames pass untracked: nothing is carried over them."""
        self._take(self.answers.drain())
        self.acknowledge()
        self._carrier.clear()
        self._standings, self._newest, self._last = (), None, None

    def _take(self, answers: Sequence[Answer | None]) -> None:
        for answer in answers:
            if answer is None:
                continue
            self._newest = result = answer.result
            self._unanswered.append(answer.acknowledgements)
            self._pace.answered(result)
            fresh = tuple(track for track in result.tracks if track.age == 0)
            self._carrier.answer(ModelAnswer(result.frame, fresh, answer.object_ids))

    def _await(self, frame: Frame) -> None:
        """Wait for the model's answer to this frame, where it keeps up with the source."""
        while (self._newest is None or self._newest.frame is not frame) and (
            wait_s := self._pace.wait_s(frame, self._clock_ns())
        ):
            try:
                answer = self.answers.get(wait_s)
                if answer is None:
                    return
                self._take([answer])
            except TimeoutError:
                self._pace.disappointed(self._clock_ns())
            except Closed:
                return

    def _result(self, frame: Frame, standings: Sequence[Standing], dropped: int, began_ns: int) -> TrackResult:
        tracks = tuple(each.track for each in standings)
        is_carried = any(track.mask_from == "motion" for track in tracks)
        last, self._last = self._last or frame, frame
        now_ns = self._clock_ns()
        return TrackResult(
            frame=frame,
            tracks=tracks,
            dropped=dropped,
            gap_frames=max(0, frame.index - last.index - 1),
            gap_s=(frame.captured_ns - last.captured_ns) / 1e9,
            tracked_ns=now_ns,
            timings_ms={"motion": (now_ns - began_ns) / 1e6},
            mask_from="motion" if is_carried else "model",
        )


def _smoothed(before: float, value: float) -> float:
    return value if before == 0 else before + SMOOTHING * (value - before)
