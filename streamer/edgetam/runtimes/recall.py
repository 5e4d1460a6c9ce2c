"""What several objects remember as arrays of one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.runtimes.port import Dated, Opaque, Recall

Stack = Callable[[Sequence[Opaque]], Opaque]  # numpy.stack or torch.stack


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Memories or pointers of `b` objects, padded to one number `n` of them."""

    values_bnc: Opaque
    ages_bn: NDArray[np.float32]
    valid_bn: NDArray[np.bool_]


def padded(lists: Sequence[Sequence[Dated]], blank: Opaque, stack: Stack, length: int) -> Padded:
    """Where an object has fewer than `length`, `blank` follows, and is not valid."""
    fill = [length - len(dated) for dated in lists]
    values = stack([stack([v for _, v in dated] + [blank] * n) for dated, n in zip(lists, fill, strict=True)])
    ages = [[age for age, _ in dated] + [0] * n for dated, n in zip(lists, fill, strict=True)]
    valid = [[True] * len(dated) + [False] * n for dated, n in zip(lists, fill, strict=True)]
    return Padded(values, np.array(ages, np.float32), np.array(valid, np.bool_))


def stacked(recalls: Sequence[Recall], stack: Stack, blank_like: Callable[[Opaque], Opaque]) -> tuple[Padded, Padded]:
    """Memories and pointers, as long as the longest."""
    memories, pointers = [recall.memories for recall in recalls], [recall.pointers for recall in recalls]
    longest = [max(1, *map(len, lists)) for lists in (memories, pointers)]
    return _both(recalls, stack, blank_like, longest[0], longest[1])


def stacked_to_usual(
    recalls: Sequence[Recall], stack: Stack, blank_like: Callable[[Opaque], Opaque], usual: tuple[int, int]
) -> tuple[Padded, Padded]:
    """Memories and pointers in few lengths, since engines keep something for each that they meet.

    The usual length is that of an object prompted once; with more prompts it is 1, 3, 7, ... longer.
    """
    memories, pointers = (
        _lengthened(max(len(getattr(recall, part)) for recall in recalls), least)
        for part, least in zip(("memories", "pointers"), usual, strict=True)
    )
    return _both(recalls, stack, blank_like, memories, pointers)


def _both(
    recalls: Sequence[Recall], stack: Stack, blank_like: Callable[[Opaque], Opaque], memories: int, pointers: int
) -> tuple[Padded, Padded]:
    memory, pointer = map(blank_like, recalls[0].like)
    return (
        padded([recall.memories for recall in recalls], memory, stack, memories),
        padded([recall.pointers for recall in recalls], pointer, stack, pointers),
    )


def _lengthened(longest: int, usual: int) -> int:
    more = max(longest - usual, 0)
    return usual + (1 << more.bit_length()) - 1
