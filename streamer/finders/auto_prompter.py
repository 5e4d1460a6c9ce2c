"""A sink that points: what a finder sees and no object covers is tracked from then on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from streamer.channel import Channel, Closed
from streamer.ports import Finder, ObservesFrames
from streamer.types import Ack, Box, Detection, Frame, Prompt, Request, Track, TrackResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """What of all that is found is tracked, and how often it is looked for."""

    every_s: float = 2.0
    min_score: float = 0.3
    min_area: float = 0.0005  # share of the picture, of the box
    max_area: float = 0.5
    region: Box | None = None  # in pixels; the centre of a box must lie in it
    covered: float = 0.3  # share of a box in the boxes of tracked objects above which it is theirs
    most: int = 16  # objects in all


class AutoPrompter:
    """Looks every so often, or when it is told to; its own thread's time, never the tracker's.

    What is found on one frame is prompted on a later one, by its box. Ids are counted on from the highest seen. Seconds
    are those of the stream.
    """

    def __init__(self, finder: Finder, commands: Channel[Request], choice: Choice | None = None) -> None:
        self._finder = finder
        self._commands = commands
        self._choice = choice or Choice()
        self._looked_s: float | None = None
        self._answers: Channel[Ack] = Channel(16, lossy=True)
        self._highest = 0
        self._waiting: dict[int, Box] = {}  # prompted, and not among the tracks yet

    def now(self) -> None:
        """Look at the next frame."""
        self._looked_s = None

    def write(self, result: TrackResult) -> None:
        if isinstance(self._finder, ObservesFrames):
            self._finder.see(result.frame)
        there = {track.object_id for track in result.tracks}
        self._highest = max(self._highest, *there, 0)
        for ack in self._answers.drain():
            if ack.error is not None:
                log.warning("what was found is not tracked: %s", ack.error)
                self._waiting.clear()
        self._waiting = {number: box for number, box in self._waiting.items() if number not in there}
        frame = result.frame
        now_s = frame.captured_ns / 1e9 if frame.pts_s is None else frame.pts_s
        if self._looked_s is not None and 0 <= now_s - self._looked_s < self._choice.every_s:
            return
        self._looked_s = now_s
        chosen = choose(self._finder.find(frame), frame, result.tracks, self._choice, list(self._waiting.values()))
        if not chosen:
            return
        prompts = tuple(Prompt(self._highest + n, box=found.box) for n, found in enumerate(chosen, 1))
        self._highest += len(prompts)
        self._waiting |= {n: found.box for n, found in enumerate(chosen, self._highest - len(prompts) + 1)}
        for prompt, found in zip(prompts, chosen, strict=True):
            log.info("object %d: %s found, score %.2f", prompt.object_id, found.label, found.score)
        with contextlib.suppress(Closed):
            if not self._commands.offer(Request(prompts, self._answers.put)):
                log.warning("what was found is not tracked: too many commands wait")
                self._waiting.clear()

    def close(self) -> None:
        pass


def choose(
    found: Sequence[Detection], frame: Frame, tracks: Sequence[Track], choice: Choice, waiting: Sequence[Box] = ()
) -> list[Detection]:
    """The surest of what was found that is large enough, in the region, and not covered by a tracked object.

    Nor by one in `waiting`, which will be tracked soon.
    """
    boxes = [track.box for track in tracks if track.box is not None and track.state == "tracked"]
    taken: list[Box] = [*boxes, *waiting]
    kept: list[Detection] = []
    for one in sorted(found, key=lambda each: -each.score):
        if len(tracks) + len(waiting) + len(kept) >= choice.most:
            break
        if one.score >= choice.min_score and _fits(one.box, frame, choice) and not _covered(one.box, taken, choice):
            kept.append(one)
            taken.append(one.box)
    return kept


def _fits(box: Box, frame: Frame, choice: Choice) -> bool:
    share = _area(box) / (frame.width * frame.height)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    region = choice.region
    inside = region is None or (region[0] <= x <= region[2] and region[1] <= y <= region[3])
    return inside and choice.min_area <= share <= choice.max_area


def _covered(box: Box, taken: Sequence[Box], choice: Choice) -> bool:
    """One box inside another is the same thing, whichever is the larger."""
    return any(_overlap(box, other) > choice.covered * min(_area(box), _area(other)) for other in taken)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
