"""What is remembered of each object: bounded for ever, and exactly what transformers would read."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from streamer.edgetam.graphs import Bank


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much is kept of one object. The model's config says how many recent memories and pointers it reads."""

    conditioning: int = 4  # prompted frames: the first, and the latest others
    recent: int = 6
    pointers: int = 15


def capacity_of(config: Any, conditioning: int) -> Capacity:
    """What a model's config reads of an object, with so many conditioning frames."""
    return Capacity(conditioning, config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One remembered step."""

    step: int
    memory_tc: Tensor
    pointer_c: Tensor


@dataclass(slots=True, eq=False)
class ObjectMemory:
    """The memories of one object; a step is one tracked frame."""

    capacity: Capacity
    step: int = 0
    conditioning: list[Entry] = field(default_factory=list)
    recent: deque[Entry] = field(init=False)
    pointers: deque[tuple[int, Tensor]] = field(init=False)

    def __post_init__(self) -> None:
        self.recent = deque(maxlen=self.capacity.recent)
        self.pointers = deque(maxlen=self.capacity.pointers)

    def copy(self) -> ObjectMemory:
        """As it is now; what is remembered later changes one of them alone."""
        other = ObjectMemory(self.capacity, self.step, list(self.conditioning))
        other.recent.extend(self.recent)
        other.pointers.extend(self.pointers)
        return other

    def write(self, memory_tc: Tensor, pointer_c: Tensor, *, prompted: bool) -> None:
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

    def readable(self, oldest_row: int) -> tuple[list[tuple[float, Tensor]], list[tuple[float, Tensor]]]:
        """Memories with their row of the temporal table, and pointers with their age in steps."""
        memories: list[tuple[float, Tensor]] = [(oldest_row, entry.memory_tc) for entry in self.conditioning]
        recent = [entry for entry in self.recent if self.step - entry.step <= self.capacity.recent]
        memories += [(self.step - entry.step - 1, entry.memory_tc) for entry in recent]
        pointers: list[tuple[float, Tensor]] = [
            (self.step - entry.step, entry.pointer_c) for entry in self.conditioning
        ]
        pointers += [
            (self.step - step, pointer)
            for step, pointer in reversed(self.pointers)
            if self.step - step <= self.capacity.pointers
        ]
        return memories, pointers


def bank(objects: Sequence[ObjectMemory], oldest_row: int) -> Bank:
    """The memories of several objects side by side, padded where one has fewer than another."""
    read = [memory.readable(oldest_row) for memory in objects]
    some = objects[0].conditioning[0]
    memories, rows, memory_valid = _stack([memories for memories, _ in read], torch.zeros_like(some.memory_tc))
    pointers, ages, pointer_valid = _stack([pointers for _, pointers in read], torch.zeros_like(some.pointer_c))
    padded = not (bool(memory_valid.all()) and bool(pointer_valid.all()))
    return Bank(
        memories,
        rows.long(),
        pointers,
        ages.float(),
        memory_valid if padded else None,
        pointer_valid if padded else None,
    )


def _stack(lists: list[list[tuple[float, Tensor]]], blank: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values b x n x ..., their numbers b x n, and which are not padding; n is 1 or more."""
    longest = max(1, *(len(entries) for entries in lists))
    values = torch.stack(
        [torch.stack([value for _, value in entries] + [blank] * (longest - len(entries))) for entries in lists]
    )
    numbers = torch.tensor([[n for n, _ in entries] + [0] * (longest - len(entries)) for entries in lists])
    valid = torch.tensor([[True] * len(entries) + [False] * (longest - len(entries)) for entries in lists])
    return values, numbers.to(values.device), valid.to(values.device)
