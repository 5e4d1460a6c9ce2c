#!/usr/bin/env python
"""Scores of a checkpoint and of two controls on a data set in DAVIS layout: `scripts/evaluate_nano.py ROOT`.

Prints a table (Markdown) and draws examples with --pictures FOLDER. The controls get the first frame's true mask: one
repeats it, the other carries it along dense optical flow (OpenCV's DIS).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import cv2
import numpy as np

from streamer.edgetam import open_tracker
from streamer.evaluation.davis import Answer, Answers, Follow, Score, evaluate, sequences
from streamer.evaluation.identity import calibration, totals
from streamer.masks import Mask, overlay
from streamer.ports import Tracker
from streamer.types import Frame, Prompt


class Repeated:
    """The first mask on every frame."""

    def __init__(self) -> None:
        self.masks: dict[int, Mask] = {}

    def __call__(self, _frame: Frame, prompts: Sequence[Prompt]) -> Answers:
        self.masks |= {prompt.object_id: np.asarray(prompt.mask) for prompt in prompts if prompt.object_id is not None}
        return {number: Answer(mask) for number, mask in self.masks.items()}


class Carried(Repeated):
    """The first mask, moved by optical flow from each frame to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.before: np.ndarray | None = None

    def __call__(self, frame: Frame, prompts: Sequence[Prompt]) -> Answers:
        grey = cv2.cvtColor(np.array(frame.image), cv2.COLOR_RGB2GRAY)
        if self.before is not None and self.masks:
            back = self.flow.calc(grey, self.before, None)
            grid = np.stack(np.meshgrid(np.arange(frame.width), np.arange(frame.height)), -1).astype(np.float32)
            for number, mask in self.masks.items():
                moved = cv2.remap(mask.astype(np.float32), grid + back, None, cv2.INTER_LINEAR)
                self.masks[number] = moved > 0.5
        self.before = grey
        return super().__call__(frame, prompts)


def tracked(tracker: Tracker, pictures: Path | None) -> Follow:
    def follow(frame: Frame, prompts: Sequence[Prompt]) -> Answers:
        tracks = tracker.track(frame, prompts)
        if pictures is not None and frame.index % 10 == 0:
            drawn = overlay(frame.image, tracks)
            cv2.imwrite(str(pictures / f"{frame.source}-{frame.index:04d}.jpg"), drawn[..., ::-1])
        return {track.object_id: Answer(track.mask, track.score, track.predicted_iou) for track in tracks}

    return follow


def mean(scores: list[Score], name: str) -> float:
    return float(np.mean([getattr(score, name) for score in scores]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--prompts", nargs="+", default=["mask", "box", "point"])
    parser.add_argument("--sequences", nargs="+", default=[])
    parser.add_argument("--no-controls", action="store_true")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Score]] = {}
    clips = sequences(given.root, given.sequences)
    for kind in given.prompts:
        for clip in clips:
            follow = tracked(open_tracker(given.model), given.pictures if kind == given.prompts[0] else None)
            rows.setdefault(f"{given.model}, first-frame {kind}", []).extend(evaluate(clip, follow, kind))
    measured = dict(rows)
    controls = {"first mask repeated": Repeated, "first mask carried by optical flow": Carried}
    for name, control in ({} if given.no_controls else controls).items():
        rows[name] = [score for clip in clips for score in evaluate(clip, control(), "mask")]
    show(rows, [clip.name for clip in clips])
    show_calibration(measured)


def show(rows: dict[str, list[Score]], clips: list[str]) -> None:
    print("| tracker | J&F | J | F | " + " | ".join(clips) + " |")
    print("| --- " * (4 + len(clips)) + "|")
    for name, scores in rows.items():
        means = [mean(scores, figure) for figure in ("jf", "j", "f")]
        means += [mean([score for score in scores if score.sequence == clip], "jf") for clip in clips]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in means) + " |")
    print("\n| tracker | identity kept | switches | found again within 15 frames | tracked while wrong |")
    print("| --- | --- | --- | --- | --- |")
    for name, scores in rows.items():
        sums = totals([score.identity for score in scores])
        found = "none left" if sums.found_again is None else f"{sums.found_again:.1%} of {sums.returns}"
        kept = f"{sums.kept:.1%} of {sums.objects}"
        print(f"| {name} | {kept} | {sums.switches} | {found} | {sums.false:.1%} of frames |")


def show_calibration(rows: dict[str, list[Score]]) -> None:
    """What was claimed, and what was true."""
    print("\n| predicted IoU x score | frames | claimed | true IoU |\n| --- | --- | --- | --- |")
    seen = (seen for scores in rows.values() for score in scores for seen in score.sightings)
    for one in calibration(seen):
        print(f"| {one.low:.1f} to {one.high:.1f} | {one.frames} | {one.claimed:.2f} | {one.true:.2f} |")


if __name__ == "__main__":
    main()
