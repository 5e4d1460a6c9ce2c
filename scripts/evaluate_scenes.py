#!/usr/bin/env python
"""How a checkpoint follows the objects of `scene:`, whose truth is known: `scripts/evaluate_scenes.py --model nano`.

Scenes with an occluder in which one object leaves and returns. Objects are prompted in turn by a click and by their
box, on the first frame on which they can be seen well. Seeds from 1; training uses those from 10,000. Prints a table.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import numpy as np

from streamer.edgetam import open_tracker
from streamer.masks import Mask, box_of, deepest_point, iou
from streamer.ports import Tracker
from streamer.types import Frame, Prompt, Reset, Track
from streamer.video.scene import Scene, SceneSettings

VISIBLE = 0.004  # of the picture: what is prompted, and what counts as having returned
REACQUIRED_IOU = 0.5
PATIENCE = 10  # frames in which an object that returned must be found


@dataclass(slots=True)
class Tally:
    """What was seen of the objects of one kind of prompt."""

    ious: list[float] = field(default_factory=list)  # on frames on which something can be seen of the object
    absent: list[bool] = field(default_factory=list)  # was the score negative where nothing can be seen of it
    returns: list[bool] = field(default_factory=list)  # was it found again in time


@dataclass(slots=True)
class Life:
    """One object's presence, as far as the tally needs it."""

    gone: int = 0
    back: int | None = None  # frames since it returned; None while nothing is waited for


def prompt_of(number: int, truth: Mask) -> Prompt:
    if number % 2:
        return Prompt(number, box=box_of(truth))
    return Prompt(number, points=(deepest_point(truth),), labels=(1,))


def judge(track: Track, truth: Mask, life: Life, tally: Tally) -> None:
    if not truth.any():
        life.gone, life.back = life.gone + 1, None
        tally.absent.append(track.score < 0.5)
        return
    overlap = iou(track.mask, truth)
    tally.ious.append(overlap)
    if life.gone > 2 and np.count_nonzero(truth) > VISIBLE * truth.size:
        life.gone, life.back = 0, 0
    if life.back is not None:
        life.back += 1
        if overlap > REACQUIRED_IOU or life.back > PATIENCE:
            tally.returns.append(overlap > REACQUIRED_IOU)
            life.back = None


def follow(tracker: Tracker, settings: SceneSettings, tallies: dict[str, Tally]) -> None:
    """One scene."""
    scene, lives = Scene(settings), dict[int, Life]()
    for index in range(settings.frames):
        image, truth = scene.draw(index)
        seen = [n for n, mask in truth.items() if n not in lives and np.count_nonzero(mask) > VISIBLE * mask.size]
        commands = [Reset()] if index == 0 else []
        tracks = tracker.track(
            Frame.from_image(image, index=index), [*commands, *(prompt_of(n, truth[n]) for n in seen)]
        )
        lives |= {number: Life() for number in seen}
        for track in tracks:
            number = track.object_id
            judge(track, truth[number], lives[number], tallies["box" if number % 2 else "click"])


def percent(values: list[bool]) -> str:
    return f"{100 * float(np.mean(values)):.0f} % of {len(values)}" if values else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--objects", type=int, default=3)
    given = parser.parse_args()
    tracker, tallies = open_tracker(given.model), defaultdict[str, Tally](Tally)
    for seed in range(1, given.scenes + 1):
        follow(tracker, SceneSettings(seed=seed, objects=given.objects, frames=given.frames, leave=True), tallies)
    print("| prompt | mean IoU where it can be seen | absent where it is | found within 10 frames of returning |")
    print("| --- | --- | --- | --- |")
    both = Tally()
    for name, tally in sorted(tallies.items()):
        print(f"| {name} | {np.mean(tally.ious):.3f} | {percent(tally.absent)} | {percent(tally.returns)} |")
        both.ious += tally.ious
        both.absent += tally.absent
        both.returns += tally.returns
    print(f"| both | {np.mean(both.ious):.3f} | {percent(both.absent)} | {percent(both.returns)} |")


if __name__ == "__main__":
    main()
