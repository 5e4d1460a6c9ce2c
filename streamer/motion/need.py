"""Shares by need: which objects the model looks for on a frame, when it has no time for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from streamer.motion.carry import Standing
from streamer.types import Attention, State

DOUBT, SPEED = 2.0, 4.0  # weights beside that of age, which is 1
HIDDEN = {"occluded": 0.5, "lost": 0.25}  # what an object that is not seen counts beside a steady one
MAX_STEPS = 4  # until every object had its turn, however slow they are: more of them cost more than they gain
SMOOTHING = 0.2  # of a new measurement of the step's time


@dataclass(frozen=True, slots=True)
class Need:
    """What is known of an object since the model looked for it."""

    age: int  # frames since then
    confidence: float  # of its carried mask, 0 to 1
    speed: float  # its displacement in a frame, as a share of its longer side
    state: State

    @property
    def urgency(self) -> float:
        """Grows with age for every object, so that each has its turn; faster for doubtful and for moving objects."""
        if self.state != "tracked":
            return self.age * HIDDEN[self.state]
        return self.age * (1 + DOUBT * (1 - self.confidence) + SPEED * min(self.speed, 1.0))


def need_of(standing: Standing) -> Need:
    """The need of an object on the newest frame."""
    track, (x, y) = standing.track, standing.displacement_px
    side = 1.0 if track.box is None else max(track.box[2] - track.box[0], track.box[3] - track.box[1])
    return Need(track.age, track.confidence, (x * x + y * y) ** 0.5 / max(1, track.age) / side, track.state)


def most_needy(object_ids: Sequence[int], needs: Mapping[int, Need], count: int) -> frozenset[int]:
    """The `count` objects that need the model most; those of which nothing is known yet come first."""
    unknown = float("inf")
    urgency = {each: needs[each].urgency if each in needs else unknown for each in object_ids}
    return frozenset(sorted(object_ids, key=lambda each: -urgency[each])[:count])


class StepBudget:
    """How many objects fit into a step of `budget_ms`, by the time that steps took so far."""

    def __init__(self, budget_ms: float) -> None:
        self._budget_ms = budget_ms
        self._each_ms: float | None = None  # None: nothing measured yet

    def measured(self, milliseconds: float, objects: int) -> None:
        """Learn from the time of a step of a number of objects."""
        if objects == 0:
            return
        each_ms = milliseconds / objects
        self._each_ms = each_ms if self._each_ms is None else self._each_ms + SMOOTHING * (each_ms - self._each_ms)

    @property
    def objects(self) -> int | None:
        """At least one; None before the first measurement."""
        return None if self._each_ms is None else max(1, int(self._budget_ms / self._each_ms))


def attention_of(
    object_ids: Sequence[int],
    prompted: Collection[int],
    standings: Sequence[Standing],
    fitting: int | None,
    *,
    guide: bool,
) -> Attention:
    """What a step looks for: prompted objects, and then the neediest of the others until `fitting` are chosen.

    `guide`: search windows move with their objects.
    """
    moved = {each.track.object_id: each.displacement_px for each in standings if guide and any(each.displacement_px)}
    fitting = None if fitting is None else max(fitting, -(-len(object_ids) // MAX_STEPS))
    if fitting is None or len(object_ids) <= fitting:
        return Attention(None, moved)
    others = [each for each in object_ids if each not in prompted]
    needs = {each.track.object_id: need_of(each) for each in standings}
    count = max(0 if prompted else 1, fitting - len(prompted))
    return Attention(frozenset(prompted) | most_needy(others, needs, count), moved)
