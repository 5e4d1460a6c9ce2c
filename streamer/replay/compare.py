"""Track a recorded run again, and find the first frame on which a mask differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from streamer.errors import SourceError
from streamer.masks import iou
from streamer.ports import Tracker
from streamer.types import Command, Find, Pause, Prompt, Resume, Track, TrackResult


@dataclass(frozen=True, slots=True)
class Difference:
    """The first frame that differs, and how."""

    index: int
    object_id: int
    what: str


@dataclass(slots=True)
class Comparison:
    """What came of it. `worst_iou` is of the masks that both runs have."""

    frames: int = 0
    commands: int = 0
    masks: int = 0
    differing_frames: int = 0
    first: Difference | None = None
    worst_iou: float = 1.0


def compare(
    results: Iterator[TrackResult], tracker: Tracker, progress: Callable[[], object] = lambda: None
) -> Comparison:
    """Track every recorded frame with the recorded commands; raises SourceError where the run is not whole."""
    found = Comparison()
    last: TrackResult | None = None
    for result in results:
        check_whole(last, result)
        commands = commands_for_tracker(result)
        found.commands += sum(len(applied.commands) for applied in result.applied)
        _judge(found, result, tracker.track(result.frame, commands))
        last = result
        progress()
    return found


def commands_for_tracker(result: TrackResult) -> list[Command]:
    """The commands that took effect on this very frame; a pause needs none, since its frames were not recorded."""
    return [
        command
        for applied in result.applied
        if (applied.index, applied.epoch) == (result.frame.index, result.frame.epoch)
        for command in applied.commands
        if not isinstance(command, Pause | Resume | Find)
    ]


def check_whole(last: TrackResult | None, result: TrackResult) -> None:
    """Raise SourceError where results are missing, or objects were prompted before the file begins."""
    index = result.frame.index
    if any(track.mask_from != "model" for track in result.tracks):
        raise SourceError(
            f"frame {index}: its masks were carried from an earlier one; only a run with --motion enabled=false, with "
            "--exact or of a recording can be tracked again"
        )
    if last is None:
        prompted = {command.object_id for command in commands_for_tracker(result) if isinstance(command, Prompt)}
        if unknown := [track.object_id for track in result.tracks if track.object_id not in prompted]:
            raise SourceError(
                f"object {unknown[0]} was prompted before the first frame of this file; give the parts of the run from "
                "its first on, of a run without --state"
            )
    elif index != (expected := last.frame.index + 1 + result.gap_frames) and result.frame.epoch == last.frame.epoch:
        raise SourceError(
            f"frames {last.frame.index + 1} to {index - 1 - result.gap_frames} were tracked and are not in the file "
            f"(frame {expected} should follow frame {last.frame.index}): the disk or the machine was too slow"
        )


def _judge(found: Comparison, result: TrackResult, tracks: tuple[Track, ...]) -> None:
    found.frames += 1
    found.masks += len(result.tracks)
    differences = list(_differences(found, result, {track.object_id: track for track in tracks}))
    if differences:
        found.differing_frames += 1
        found.first = found.first or differences[0]


def _differences(found: Comparison, result: TrackResult, now: dict[int, Track]) -> Iterator[Difference]:
    index = result.frame.index
    for before in result.tracks:
        after = now.pop(before.object_id, None)
        if after is None:
            yield Difference(index, before.object_id, "is not tracked now")
        elif before.state != after.state:
            yield Difference(index, before.object_id, f"was {before.state} and is {after.state} now")
        elif not np.array_equal(before.mask, after.mask):
            overlap = iou(before.mask, after.mask)
            found.worst_iou = min(found.worst_iou, overlap)
            yield Difference(index, before.object_id, f"has another mask now, IoU {overlap:.4f}")
    for object_id in now:
        yield Difference(index, object_id, "was not tracked then")
