"""What is remembered of each object: bounded for ever, and exactly what transformers would read. It needs no torch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from streamer.edgetam.model_info import ModelInfo
from streamer.edgetam.runtimes.port import Dated, Opaque, Recall


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much is kept of one object. The model's config says how many recent memories and pointers it reads."""

    conditioning: int = 4  # prompted frames: the first, and the latest others
    recent: int = 6
    pointers: int = 15


def capacity_of(info: ModelInfo, conditioning: int) -> Capacity:
    """What a model reads of an object, with a number of conditioning frames."""
    return Capacity(conditioning, info.memories - 1, info.pointers - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One remembered step."""

    step: int
    memory_tc: Opaque
    pointer_c: Opaque


@dataclass(slots=True, eq=False)
class ObjectMemory:
    """The memories of one object; a step is one tracked frame."""

    capacity: Capacity
    step: int = 0
    conditioning: list[Entry] = field(default_factory=list)
    recent: deque[Entry] = field(init=False)
    pointers: deque[tuple[int, Opaque]] = field(init=False)

    def __post_init__(self) -> None:
        self.recent = deque(maxlen=self.capacity.recent)
        self.pointers = deque(maxlen=self.capacity.pointers)

    def copy(self) -> ObjectMemory:
        """As it is now; what is remembered later changes one of them alone."""
        other = ObjectMemory(self.capacity, self.step, list(self.conditioning))
        other.recent.extend(self.recent)
        other.pointers.extend(self.pointers)
        return other

    def write(self, memory_tc: Opaque, pointer_c: Opaque, *, prompted: bool) -> None:
        """Remember this step; the next one begins."""
        entry = Entry(self.step, memory_tc, pointer_c)
        if prompted:
            self.conditioning.append(entry)
            if len(self.conditioning) > self.capacity.conditioning:
                del self.conditioning[1 if self.capacity.conditioning > 1 else 0]  # the first prompt is the surest
        else:
            self.recent.append(entry)
            self.pointers.append((self.step, pointer_c))
        self.step += 1

    def skip(self) -> None:
        """A step of which nothing is remembered."""
        self.step += 1

    def forget_recent(self) -> None:
        """Keep only what was prompted."""
        self.recent.clear()
        self.pointers.clear()

    def recall(self) -> Recall:
        """What is read on this step. A prompted frame has the last row of the temporal table."""
        memories: list[Dated] = [(self.capacity.recent, entry.memory_tc) for entry in self.conditioning]
        recent = [entry for entry in self.recent if self.step - entry.step <= self.capacity.recent]
        memories += [(self.step - entry.step - 1, entry.memory_tc) for entry in recent]
        pointers: list[Dated] = [(self.step - entry.step, entry.pointer_c) for entry in self.conditioning]
        pointers += [
            (self.step - step, pointer)
            for step, pointer in reversed(self.pointers)
            if self.step - step <= self.capacity.pointers
        ]
        some = self.conditioning[0]
        return Recall(memories, pointers, (some.memory_tc, some.pointer_c))
