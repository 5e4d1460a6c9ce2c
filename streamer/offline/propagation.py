"""Objects through a recording, forwards and backwards from the prompts; finished frames are not tracked again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes.port import Runtime
from streamer.edgetam.video import Conditioned, PassTracker, PropagatingTracker, RecordedTracker
from streamer.masks import encode
from streamer.offline.recording import Recording
from streamer.offline.store import Direction, Store
from streamer.types import Frame, Prompt

CHECKPOINT_EVERY = 50  # frames: at most as many are tracked again after an interruption

Prompts = Mapping[int, Mapping[int, Prompt]]  # by object, then by frame


@dataclass(slots=True, eq=False)
class Propagation:
    """The passes over one recording.

    `exact` is transformers' `propagate_in_video_iterator`, where a prompt also changes frames before it. Otherwise the
    live tracker runs forwards from an object's first prompt, refines it at the later ones, and runs backwards from the
    first. `progress` is called after each frame, `stop` before each. Once `stop` returns true the passes end; finished
    frames stay in the store.
    """

    recording: Recording
    store: Store
    runtime: Runtime
    tracking: TrackingSettings
    exact: bool = False
    progress: Callable[[], object] = lambda: None
    stop: Callable[[], bool] = lambda: False
    _conditioned: dict[int, dict[int, Conditioned]] = field(default_factory=dict)

    def plan(self, prompts: Prompts) -> None:
        """Forget what other prompts have made wrong, and no more."""
        before = self.store.prompts()
        for number in before.keys() - prompts.keys():
            self.store.forget(number)
            self.store.set_prompts(number, {}, {})
        for number, by_frame in prompts.items():
            now = {frame: described(prompt) for frame, prompt in sorted(by_frame.items())}
            self.store.set_prompts(number, now, self._reconsidered(number, before.get(number, {}), now))
        self.store.commit()

    def _reconsidered(self, number: int, before: Mapping[int, str], now: Mapping[int, str]) -> dict[int, int]:
        """Forget what is wrong of one object; returns the first frame that may know of each prompt."""
        changed = [frame for frame in {*before, *now} if before.get(frame) != now.get(frame)]
        known = self.store.since(number)
        if not changed:
            return known
        if not before or min(changed) <= min(before):
            self.store.forget(number)
            return dict.fromkeys(now, -1)
        self.store.forget(number, after=min(changed))
        return {frame: min(changed) if frame in changed else known[frame] for frame in now}

    def run(self, prompts: Prompts) -> bool:
        """All passes; false where it was stopped."""
        if self.exact:
            self._condition(prompts)
        start = self._starts(prompts)
        forwards = self._pass("forwards", prompts, start, self.recording.count - 1)
        return forwards and self._pass("backwards", prompts, start, 0)

    def left(self, prompts: Prompts) -> int:
        """Frames that the passes will see."""
        start = self._starts(prompts)
        ahead = [self._from("forwards", number, first)[0] for number, first in start.items()]
        back = [self._from("backwards", number, first)[0] for number, first in start.items() if first > 0]
        return self.recording.count - min(ahead) + max(back, default=-1) + 1

    def whole(self, prompts: Prompts) -> int:
        """Frames that the passes would see if nothing was done yet."""
        start = self._starts(prompts).values()
        return self.recording.count - min(start) + max((first for first in start if first > 0), default=-1) + 1

    def _starts(self, prompts: Prompts) -> dict[int, int]:
        """Where each object begins: at its first prompt, or as transformers has it all at the first of any."""
        start = {number: min(by_frame) for number, by_frame in prompts.items()}
        return dict.fromkeys(prompts, min(start.values())) if self.exact else start

    def _from(self, direction: Direction, number: int, first: int) -> tuple[int, bytes | None]:
        return self.store.latest(number, direction) or (first, None)

    def _pass(self, direction: Direction, prompts: Prompts, start: Mapping[int, int], last: int) -> bool:
        """One way through the recording for all objects; each begins at its first prompt, or where it was left."""
        step = 1 if direction == "forwards" else -1
        begins = {number: self._from(direction, number, first) for number, first in start.items()}
        begins = {n: at for n, at in begins.items() if (last - at[0]) * step >= 0 and (step > 0 or start[n] > 0)}
        if not begins:
            return True
        tracker = self._tracker(direction)
        there: list[int] = []
        at = (min if step > 0 else max)(frame for frame, _ in begins.values())
        for frame in self.recording.frames(at, last):
            if self.stop():
                self._save(tracker, there, direction, frame.index)
                return False
            self._save_when_due(tracker, there, direction, frame.index, start)
            here = self._begin(tracker, frame, begins, prompts, start, direction)
            there += [number for number, (first, _) in begins.items() if first == frame.index]
            tracks = tracker.track(frame, here) if isinstance(tracker, PassTracker) else tracker.track(frame)
            first_again = [n for n in there if direction == "backwards" and not self.exact and frame.index == start[n]]
            found = [track for track in tracks if track.object_id not in first_again]
            self.store.put(frame.index, found, again=direction == "backwards")
            at = frame.index + step
            self.progress()
        self._save(tracker, there, direction, at)
        return True

    def _begin(
        self,
        tracker: RecordedTracker,
        frame: Frame,
        begins: Mapping[int, tuple[int, bytes | None]],
        prompts: Prompts,
        start: Mapping[int, int],
        direction: Direction,
    ) -> list[Prompt]:
        """Objects that go on or begin at this frame; the prompts for the live tracker on it."""
        for number, (first, data) in begins.items():
            if first == frame.index:
                if data is not None:
                    tracker.restore(number, data)
                if isinstance(tracker, PropagatingTracker):
                    seeds = (
                        self._seeds(tracker, number, start[number]) if direction == "backwards" and data is None else ()
                    )
                    tracker.begin(number, self._conditioned[number], seeds)
        here = {number for number in begins if frame.index in prompts[number]}
        if direction == "backwards":
            here = {number for number in here if start[number] == frame.index}
        there = {number for number, (first, _) in begins.items() if (first - frame.index) * _sign(direction) <= 0}
        return [prompts[number][frame.index] for number in sorted(here & there)]

    def _tracker(self, direction: Direction) -> RecordedTracker:
        if not self.exact:
            return PassTracker(self.runtime, self.tracking)
        return PropagatingTracker(
            self.runtime,
            self.tracking,
            count=self.recording.count,
            backwards=direction == "backwards",
        )

    def _condition(self, prompts: Prompts) -> None:
        tracker = self._tracker("forwards")
        assert isinstance(tracker, PropagatingTracker)
        since = {number: self.store.since(number) for number in prompts}
        for index in sorted({frame for by_frame in prompts.values() for frame in by_frame}):
            for frame in self.recording.frames(index, index):
                for number, by_frame in prompts.items():
                    if index in by_frame:
                        conditioned = tracker.condition(frame, by_frame[index], since[number][index])
                        self._conditioned.setdefault(number, {})[index] = conditioned

    def _marks(self, tracker: RecordedTracker, first: int) -> tuple[int, int]:
        """Where the way forwards leaves what the way backwards begins with."""
        capacity, end = tracker.capacity, self.recording.count
        return min(first + capacity.recent + 1, end), min(first + capacity.pointers + 1, end)

    def _seeds(self, tracker: RecordedTracker, number: int, first: int) -> Sequence[bytes]:
        found = [self.store.checkpoint(number, "forwards", mark) for mark in self._marks(tracker, first)]
        return [data for data in found if data is not None]

    def _save_when_due(
        self,
        tracker: RecordedTracker,
        there: Sequence[int],
        direction: Direction,
        frame: int,
        start: Mapping[int, int],
    ) -> None:
        due = frame % CHECKPOINT_EVERY == 0
        marked = self.exact and any(frame in self._marks(tracker, first) for first in set(start.values()))
        if due or marked:
            self._save(tracker, there, direction, frame)

    def _save(self, tracker: RecordedTracker, there: Sequence[int], direction: Direction, frame: int) -> None:
        for number in there:
            self.store.save_checkpoint(number, direction, frame, tracker.pack(number))
        self.store.commit()


def _sign(direction: Direction) -> int:
    return 1 if direction == "forwards" else -1


def described(prompt: Prompt) -> str:
    """A prompt as text, to see whether it is another."""
    fields: dict[str, Any] = {"points": prompt.points, "labels": prompt.labels, "box": prompt.box}
    if prompt.mask is not None:
        height, width = prompt.mask.shape
        fields["mask"] = encode(prompt.mask, (0, 0, width, height), "rle").decode()
    return json.dumps(fields)
