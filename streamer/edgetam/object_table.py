"""The objects of one stream: commands, undo, gaps and ids. No arithmetic, and no torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from streamer.config.settings import TrackingSettings
from streamer.edgetam.commands import checked
from streamer.edgetam.search_window import Box, SearchWindow
from streamer.types import Command, Frame, Prompt, Remove, Reset, Undo

BEFORE = -1  # the epoch of another run
UNDONE_AT_MOST = 8  # prompts of one object that can be taken back


class Memory(Protocol):
    """What a tracker remembers of one object."""

    def copy(self) -> Self:
        """As it is now; what is remembered later changes one of them alone."""

    def forget_recent(self) -> None:
        """Keep only what was prompted."""


MemoryT = TypeVar("MemoryT", bound=Memory)


@dataclass(frozen=True, slots=True, eq=False)
class Past(Generic[MemoryT]):
    """What a prompt changed."""

    memory: MemoryT
    focus: SearchWindow | None


@dataclass(slots=True, eq=False)
class TrackedObject(Generic[MemoryT]):
    """One object's memory, its life, and where to look for it."""

    memory: MemoryT
    focus: SearchWindow | None  # None: in the whole frame
    unseen: int = 0
    turn: int = 0  # of looking for it all over
    box: Box | None = None  # where it was seen last, in the frame
    size: float | None = None  # its longer side there
    before: deque[Past[MemoryT]] = field(
        default_factory=lambda: deque(maxlen=UNDONE_AT_MOST)
    )  # what each later prompt changed

    def past(self) -> Past[MemoryT]:
        """As it is now."""
        return Past(self.memory.copy(), copy(self.focus))

    def go_back(self) -> None:
        """To before the last prompt. Where it is now is better known than where it was, unless it was elsewhere."""
        past = self.before.pop()
        self.memory = past.memory
        if self.focus is not None and past.focus is not None and not self.focus.reaches(past.focus):
            self.focus, self.box, self.size = past.focus, None, None


@dataclass(frozen=True, slots=True, eq=False)
class Changes(Generic[MemoryT]):
    """What a frame's commands ask of the step: prompts by object id, and the objects that begin with theirs."""

    prompts: dict[int, Prompt] = field(default_factory=dict)
    new: dict[int, TrackedObject[MemoryT]] = field(default_factory=dict)

    def drop(self, object_id: int) -> None:
        self.prompts.pop(object_id, None)
        self.new.pop(object_id, None)

    def clear(self) -> None:
        self.prompts.clear()
        self.new.clear()


class ObjectTable(Generic[MemoryT]):
    """Which objects there are. `apply` carries out a frame's commands; `commit` adds those that the step began."""

    def __init__(self, tracking: TrackingSettings, new_memory: Callable[[], MemoryT]) -> None:
        self.objects: dict[int, TrackedObject[MemoryT]] = {}
        self.unprompted: list[int] = []  # ids that wait for a prompt after a gap
        self.highest_id = 0  # of all ids so far
        self._tracking = tracking
        self._new_memory = new_memory
        self._epoch: int | None = None

    @property
    def object_ids(self) -> tuple[int, ...]:
        return (*self.objects, *self.unprompted)

    def resume(self, object_id: int, tracked: TrackedObject[MemoryT]) -> None:
        """Go on with an object that is known from elsewhere."""
        self.objects[object_id] = tracked
        self.highest_id = max(self.highest_id, object_id)

    def interrupt(self) -> None:
        """The next frame comes after a gap, whatever its epoch."""
        if self._epoch is not None or self.objects:
            self._epoch = BEFORE

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`."""
        refinements = {object_id: len(tracked.before) for object_id, tracked in self.objects.items()}
        return checked(
            commands,
            frame,
            refinements | dict.fromkeys(self.unprompted, 0),
            highest_id=self.highest_id,
            max_objects=self._tracking.max_objects,
        )

    def apply(self, frame: Frame, commands: Sequence[Command]) -> Changes[MemoryT]:
        """Carry out commands that `check` has numbered: removals take effect, prompts are collected."""
        if self._epoch not in (None, frame.epoch):
            self._cross_gap(frame)
        self._epoch = frame.epoch
        changes: Changes[MemoryT] = Changes()
        for command in commands:
            match command:
                case Prompt(int(object_id)):
                    self._prompt(object_id, command.clipped(frame.height, frame.width), changes)
                case Undo(object_id) if self._was_refined(object_id):
                    self.objects[object_id].go_back()
                case Remove(object_id) | Undo(object_id):
                    self._remove(object_id)
                    changes.drop(object_id)
                case Reset():
                    self.objects.clear()
                    self.unprompted.clear()
                    changes.clear()
        return changes

    def chosen(self, only: Collection[int] | None, changes: Changes[MemoryT]) -> dict[int, TrackedObject[MemoryT]]:
        """The objects of a step: those of `only` (None: all) and those with a prompt."""
        if only is None:
            return self.objects
        return {key: each for key, each in self.objects.items() if key in only or key in changes.prompts}

    def follow(self, moved_px: Mapping[int, tuple[float, float]]) -> None:
        """Move the search windows of objects that moved so far, x and y, since the model's last frame of them."""
        for object_id, (x, y) in moved_px.items():
            if object_id in self.objects and (window := self.objects[object_id].focus) is not None:
                window.x, window.y = window.x + x, window.y + y

    def commit(self, changes: Changes[MemoryT]) -> None:
        """The step began these objects."""
        self.objects |= changes.new

    def _prompt(self, object_id: int, prompt: Prompt, changes: Changes[MemoryT]) -> None:
        changes.prompts[object_id] = prompt
        self.highest_id = max(self.highest_id, object_id)
        self.unprompted = [i for i in self.unprompted if i != object_id]
        known = self.objects.get(object_id)
        if known is not None:
            known.before.append(known.past())
        if known is None or prompt.mode == "replace":
            self._remove(object_id)
            changes.new[object_id] = TrackedObject(self._new_memory(), None)
            changes.new[object_id].before.extend(() if known is None else known.before)

    def _remove(self, object_id: int) -> None:
        self.objects.pop(object_id, None)
        self.unprompted = [i for i in self.unprompted if i != object_id]

    def _was_refined(self, object_id: int) -> bool:
        return object_id in self.objects and bool(self.objects[object_id].before)

    def _cross_gap(self, frame: Frame) -> None:
        """Objects may have gone anywhere, and the frame may have another size."""
        if self._tracking.across_gap == "restart":
            self.unprompted += self.objects
            self.objects.clear()
        for tracked in self.objects.values():
            tracked.box = tracked.size = None
            if tracked.focus is not None:
                tracked.focus.open(frame.height, frame.width)
            if self._tracking.across_gap == "keep_prompted":
                tracked.memory.forget_recent()
