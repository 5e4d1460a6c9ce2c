"""Two rates: the model answers late and on some frames; its newest masks are carried to every frame."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.config.motion import MotionSettings
from streamer.motion.carry import Anchor, Standing, stand, unclaimed
from streamer.motion.flow import FlowEstimator, grey_of, grey_size
from streamer.motion.path import FlowHistory
from streamer.types import Frame, Track

BEFORE = -1  # the number of a frame that is no longer known


@dataclass(frozen=True, slots=True, eq=False)
class ModelAnswer:
    """What the model found on one frame."""

    frame: Frame
    tracks: tuple[Track, ...]  # of the objects that it looked for
    object_ids: tuple[int, ...]  # of all objects that there are, in their order


class MaskCarrier:
    """Fed with every captured frame, in order, and with the model's answers when they come. Time plays no part in it.

    Not for use from two threads. Nothing is carried over a discontinuity of the source.
    """

    def __init__(self, settings: MotionSettings, estimator: FlowEstimator | None = None) -> None:
        self._max_age = settings.max_age
        self._history = FlowHistory(estimator or FlowEstimator(), settings.max_age)
        self._numbers: dict[int, int] = {}  # of the frames in the history, by the index of the source
        self._anchors: dict[int, Anchor] = {}  # by object id
        self._object_ids: tuple[int, ...] = ()
        self._early: list[ModelAnswer] = []  # answers to frames that have not been seen yet
        self._frame: Frame | None = None

    def see(self, frame: Frame) -> None:
        """The next captured frame."""
        if self._frame is not None and self._frame.epoch != frame.epoch:
            self._history.clear()
            self._numbers.clear()
        self._frame = frame
        self._history.append(grey_of(frame.image))
        self._numbers[frame.index] = self._history.newest
        oldest = self._history.newest - self._max_age
        self._numbers = {index: number for index, number in self._numbers.items() if number >= oldest}
        early, self._early = self._early, []
        for answer in early:
            self.answer(answer)

    def answer(self, answer: ModelAnswer) -> None:
        """The model's answer to a frame of the past, or to one that is seen later."""
        if self._frame is None or _position(answer.frame) > _position(self._frame):
            self._early.append(answer)
            return
        self._object_ids = answer.object_ids
        number, size_hw = self._number_of(answer.frame), grey_size(answer.frame.height, answer.frame.width)
        for track in answer.tracks:
            self._anchors[track.object_id] = Anchor.of(track, number, size_hw)
        self._anchors = {key: anchor for key, anchor in self._anchors.items() if key in answer.object_ids}
        self._history.keep_paths({anchor.number for anchor in self._anchors.values()})

    def standings(self) -> tuple[Standing, ...]:
        """Every object on the newest frame."""
        return tuple(self._standing(self._anchors[key]) for key in self._object_ids if key in self._anchors)

    def clear(self) -> None:
        """Forget all objects: nobody tracks them any more."""
        self._anchors.clear()
        self._early.clear()
        self._object_ids = ()

    def _standing(self, anchor: Anchor) -> Standing:
        assert self._frame is not None
        path = self._history.path(anchor.number)
        if path is None:
            age, size_hw = self._history.newest - anchor.number, (self._frame.height, self._frame.width)
            return Standing(unclaimed(anchor.track, age, size_hw))
        return stand(anchor, path, self._max_age)

    def _number_of(self, frame: Frame) -> int:
        """The frame's place in the history; that of the next one where it was not seen; before all of an old epoch."""
        assert self._frame is not None
        if frame.epoch != self._frame.epoch:
            return BEFORE
        later = [number for index, number in self._numbers.items() if index >= frame.index]
        return min(later) if later and frame.index >= min(self._numbers) else BEFORE


def _position(frame: Frame) -> tuple[int, int]:
    return frame.epoch, frame.index
