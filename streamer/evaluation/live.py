"""What a user sees of a clip that plays in real time, on a virtual clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamer.config.motion import MotionSettings
from streamer.evaluation.davis import Answer, Answers, Clip, Follow
from streamer.masks import box_of
from streamer.motion.carrier import MaskCarrier, ModelAnswer
from streamer.motion.need import StepBudget, attention_of
from streamer.types import Attention, Frame, Prompt, State, Track

EPSILON = 1e-9  # seconds: two ways to compute the same moment
SEEN = 0.5  # score above which an object counts as seen
FollowSome = Callable[[Frame, Sequence[Prompt], Attention], Answers]
Prompts = Mapping[int, Sequence[Prompt]]  # by frame


@dataclass(frozen=True, slots=True)
class Live:
    """A clip that plays at `fps`, followed by a tracker that needs `step_ms` for a frame and `object_ms` more for each
    object; None: as long as it took. With `motion`, masks are carried to each frame, in `flow_ms` a frame or as long as
    that took. `follow_some` looks for some objects only.
    """

    fps: float
    step_ms: float | None = None
    object_ms: float = 0.0
    motion: MotionSettings | None = None
    flow_ms: float | None = None
    follow_some: FollowSome | None = None

    def play(self, clip: Clip, follow: Follow, prompts: Prompts) -> Iterator[Answers]:
        """What is on the screen with each frame.

        Without motion: the newest result when the frame arrives (streaming perception, Li et al., ECCV 2020, arXiv
        2005.10420). With it a frame is shown together with its own result, as it is published: the model's where that
        is there before the next frame, else the carried masks.
        """
        model = _Model(self, clip, follow, prompts)
        return _newest(model) if self.motion is None else _carried(model, self.motion)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """What the tracker found on a frame, and when."""

    frame: Frame
    took_ms: float
    ready_s: float
    found: Answers


class _Model:
    """A tracker that takes the newest frame whenever it is free; frames with prompts are never passed over."""

    def __init__(self, live: Live, clip: Clip, follow: Follow, prompts: Prompts) -> None:
        self.live, self.clip = live, clip
        self.count, self.period_s = len(clip.frames), 1 / live.fps
        self._follow, self._prompts = follow, prompts
        self._free_s, self._following = 0.0, 0

    def until(self, now_s: float, attend: Callable[[Sequence[Prompt]], Attention | None]) -> Iterator[_Step]:
        """The steps that begin before `now_s`."""
        while (
            self._following < self.count
            and (start_s := max(self._free_s, self._following * self.period_s)) < now_s - EPSILON
        ):
            newest = min(int(start_s / self.period_s + EPSILON), self.count - 1)
            chosen = next((i for i in range(self._following, newest) if i in self._prompts), newest)
            yield self._step(chosen, start_s, attend(self._prompts.get(chosen, ())))

    def _step(self, index: int, start_s: float, attention: Attention | None) -> _Step:
        frame, prompts, began = self.clip.frame(index), self._prompts.get(index, ()), time.perf_counter()
        if attention is None or self.live.follow_some is None:
            found = self._follow(frame, prompts)
        else:
            found = self.live.follow_some(frame, prompts, attention)
        seconds = time.perf_counter() - began
        if self.live.step_ms is not None:
            seconds = (self.live.step_ms + self.live.object_ms * len(found)) / 1000
        self._free_s, self._following = start_s + seconds, index + 1
        return _Step(frame, seconds * 1000, self._free_s, found)


def _newest(model: _Model) -> Iterator[Answers]:
    ready: deque[_Step] = deque()
    on_screen: Answers = {}
    for index in range(model.count):
        now_s = index * model.period_s
        ready.extend(model.until(now_s, lambda _: None))
        while ready and ready[0].ready_s <= now_s + EPSILON:
            on_screen = ready.popleft().found
        yield on_screen


def _carried(model: _Model, motion: MotionSettings) -> Iterator[Answers]:
    screen = _Screen(model, motion)
    for index in range(model.count):
        yield screen.show(index)


class _Screen:
    """The model and the carrier of its masks, each busy for its own time; they share nothing but the frames."""

    def __init__(self, model: _Model, motion: MotionSettings) -> None:
        self._model, self._flow_ms = model, model.live.flow_ms
        self._carrier, self._budget, self._guide = MaskCarrier(motion), StepBudget(motion.step_ms), motion.guide
        self._steps: deque[_Step] = deque()
        self._object_ids: tuple[int, ...] = ()
        self._free_s = 0.0  # when the carrier has done its last frame
        self._shown: Answers = {}

    def show(self, index: int) -> Answers:
        """What is seen with a frame."""
        arrival_s, period_s = index * self._model.period_s, self._model.period_s
        start_s = max(arrival_s, self._free_s)
        if start_s > arrival_s + period_s:
            return self._shown  # the carrier is busy until after the next frame: this one has no result
        self._follow(start_s + EPSILON * 2)
        began = time.perf_counter()
        self._carrier.see(self._model.clip.frame(index))
        self._answer(index, start_s, arrival_s + period_s)
        standings = self._carrier.standings()
        seconds = time.perf_counter() - began if self._flow_ms is None else self._flow_ms / 1000
        self._free_s = start_s + seconds
        self._shown = {each.track.object_id: _answer_of(each.track) for each in standings}
        return self._shown

    def _follow(self, until_s: float) -> None:
        for step in self._model.until(until_s, self._attend):
            self._steps.append(step)
            self._budget.measured(step.took_ms, len(step.found))
            self._object_ids = tuple(dict.fromkeys((*self._object_ids, *step.found)))

    def _attend(self, prompts: Sequence[Prompt]) -> Attention | None:
        prompted = {prompt.known_id for prompt in prompts}
        known, fitting = self._carrier.standings(), self._budget.objects
        return attention_of(self._object_ids, prompted, known, fitting, guide=self._guide)

    def _answer(self, index: int, now_s: float, next_s: float) -> None:
        """Give the carrier what has come by now, or comes for this very frame before the next one."""
        while self._steps and self._steps[0].ready_s <= (next_s if self._steps[0].frame.index == index else now_s):
            step = self._steps.popleft()
            tracks = tuple(_track_of(number, answer) for number, answer in step.found.items())
            self._carrier.answer(ModelAnswer(step.frame, tracks, self._object_ids))


def _track_of(number: int, answer: Answer) -> Track:
    box = box_of(answer.mask)
    state: State = "occluded" if box is None or answer.score <= SEEN else "tracked"
    return Track(number, answer.mask, box, answer.score, answer.predicted_iou, state)


def _answer_of(track: Track) -> Answer:
    return Answer(np.asarray(track.mask), track.score, track.predicted_iou)
