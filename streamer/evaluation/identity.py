"""Whether a tracker stays on its object: identity switches, finding again, and being sure while wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SURE = 0.5  # the score above which an object counts as tracked
WRONG_IOU = 0.2  # below that a mask shows something else
FOUND_IOU = 0.5
ON_ANOTHER_IOU = 0.5  # with another object's truth
SHORTEST_ABSENCE = 3  # frames: less is flicker of the truth
FRAMES_TO_RETURN = 15


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object on one frame: the tracker's answer, and how right it was."""

    visible: bool
    iou: float  # with its own truth; 1 where both are empty
    on_another: float  # the largest IoU with another object's truth
    score: float
    is_shown: bool  # the mask is not empty
    predicted_iou: float = 1.0

    @property
    def is_false(self) -> bool:
        """Called tracked, though the mask shows something else or the object is out of sight."""
        return self.is_shown and self.score > SURE and self.iou < WRONG_IOU

    @property
    def is_switched(self) -> bool:
        """Called tracked on another object."""
        return self.is_false and self.on_another > ON_ANOTHER_IOU


@dataclass(frozen=True, slots=True)
class Identity:
    """What one object's sightings come to."""

    frames: int
    false: int  # frames that were called tracked while wrong
    switches: int  # how often the mask went over to another object
    returns: int  # how often the object came back into sight
    found_again: int  # in how many of them the tracker had it within 15 frames

    @property
    def is_kept(self) -> bool:
        return self.switches == 0


def identity(sightings: Sequence[Sighting]) -> Identity:
    """Count over the frames after the object's prompt."""
    returns = list(_returns(sightings))
    return Identity(
        frames=len(sightings),
        false=sum(seen.is_false for seen in sightings),
        switches=_starts(seen.is_switched for seen in sightings),
        returns=len(returns),
        found_again=sum(_is_found(sightings[start : start + FRAMES_TO_RETURN]) for start in returns),
    )


def _starts(flags: Iterable[bool]) -> int:
    """How many runs of true there are."""
    before, count = False, 0
    for flag in flags:
        count += flag and not before
        before = flag
    return count


def _returns(sightings: Sequence[Sighting]) -> Iterable[int]:
    """Frames on which the object comes back, with enough frames after them to find it."""
    absent = 0
    for index, seen in enumerate(sightings):
        if seen.visible:
            if absent >= SHORTEST_ABSENCE and len(sightings) - index >= FRAMES_TO_RETURN:
                yield index
            absent = 0
        else:
            absent += 1


def _is_found(sightings: Sequence[Sighting]) -> bool:
    return any(seen.visible and seen.iou > FOUND_IOU for seen in sightings)


@dataclass(frozen=True, slots=True)
class IdentityTotals:
    """Several objects' identities as shares; None where there was nothing to count."""

    objects: int
    kept: float | None
    switches: int
    returns: int
    found_again: float | None
    false: float | None


def totals(identities: Sequence[Identity]) -> IdentityTotals:
    """Kept over objects, found again over returns, false over frames."""
    frames, returns = sum(one.frames for one in identities), sum(one.returns for one in identities)
    return IdentityTotals(
        objects=len(identities),
        kept=_share(sum(one.is_kept for one in identities), len(identities)),
        switches=sum(one.switches for one in identities),
        returns=returns,
        found_again=_share(sum(one.found_again for one in identities), returns),
        false=_share(sum(one.false for one in identities), frames),
    )


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Frames whose confidence lay in one range: what was claimed, and what was true."""

    low: float
    high: float
    frames: int
    claimed: float
    true: float


def calibration(sightings: Iterable[Sighting], bins: int = 10) -> list[CalibrationBin]:
    """The mean true IoU by predicted IoU x score, over shown masks; empty ranges are left out."""
    shown = [seen for seen in sightings if seen.is_shown]
    groups: list[list[Sighting]] = [[] for _ in range(bins)]
    for seen in shown:
        groups[min(int(confidence(seen) * bins), bins - 1)].append(seen)
    return [
        CalibrationBin(n / bins, (n + 1) / bins, len(group), _mean(map(confidence, group)), _mean(s.iou for s in group))
        for n, group in enumerate(groups)
        if group
    ]


def confidence(seen: Sighting) -> float:
    """Predicted IoU x object score, 0 to 1."""
    return min(max(seen.predicted_iou, 0.0), 1.0) * seen.score


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _share(count: int, total: int) -> float | None:
    return count / total if total else None
