#!/usr/bin/env python
"""What each robustness switch is worth on a data set in DAVIS layout: `scripts/evaluate_switches.py ROOT`.

Prints two tables (Markdown): J&F for settings of the tracker, each beside the default of the same run; and the IoU of a
second click on each object's first frame, with and without the mask that the first one found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam import open_segmenter, open_tracker
from streamer.edgetam.tracker import StreamingTracker
from streamer.evaluation.davis import Answer, Answers, Clip, PromptKind, evaluate, sequences
from streamer.evaluation.davis import prompt as prompt_for
from streamer.masks import deepest_point, iou
from streamer.types import Command, Frame, Prompt, Reset

DEFAULT = TrackingSettings()
SETTINGS = {
    "default": DEFAULT,
    "`--exact`: transformers' loop": TrackingSettings(exact=True),
    "`zoom=null`: no windows": TrackingSettings(zoom=None),
    "`zoom=3`": TrackingSettings(zoom=3.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--prompt", choices=("mask", "box", "point"), default="mask")
    parser.add_argument("--sequences", default="")
    given = parser.parse_args()
    clips = sequences(given.root, given.sequences.split(",") if given.sequences else ())
    opened = open_tracker(given.model)
    print(f"| setting | J&F from a {given.prompt} |\n| --- | --- |", flush=True)
    for name, tracking in SETTINGS.items():
        tracker = StreamingTracker(opened.runtime, tracking)
        print(f"| {name} | {jf(tracker, clips, given.prompt):.3f} |", flush=True)
    first, without, given_back = refined(given.model, clips)
    print("\n| on each object's first frame | mean IoU |\n| --- | --- |")
    print(f"| one click | {first:.3f} |\n| a second click where it was most wrong, both decoded anew | {without:.3f} |")
    print(f"| the same, from the mask before (`previous_logits`, the default) | {given_back:.3f} |")


def jf(tracker: StreamingTracker, clips: Sequence[Clip], kind: PromptKind) -> float:
    def follow(frame: Frame, prompts: Sequence[Prompt]) -> Answers:
        commands: Sequence[Command] = [Reset(), *prompts] if frame.index == 0 else prompts
        return {track.object_id: Answer(track.mask) for track in tracker.track(frame, commands)}

    return float(np.mean([score.jf for clip in clips for score in evaluate(clip, follow, kind)]))


def refined(model: str, clips: Sequence[Clip]) -> tuple[float, float, float]:
    """Mean IoU of one click, of two decoded anew, and of two that start from the first one's mask."""
    segmenter = open_segmenter(model)
    rows = []
    for clip in clips:
        frame, labels = clip.frame(0), clip.labels(clip.frames[0])
        (image,) = segmenter.embed([frame.image])
        for number in (int(n) for n in np.unique(labels) if n not in (0, 255)):
            true = labels == number
            prompt = prompt_for(number, true, "point")
            (one,) = segmenter.segment(image, [prompt])
            missed, wrong = true & ~one.mask, one.mask & ~true
            worst, label = (missed, 1) if missed.sum() >= wrong.sum() else (wrong, 0)
            if not worst.any():
                continue
            both = replace(prompt, points=(*prompt.points, deepest_point(worst)), labels=(*prompt.labels, label))
            (anew,), (kept,) = (segmenter.segment(image, [both], previous=p) for p in ({}, {number: one}))
            rows.append([iou(segment.mask, true) for segment in (one, anew, kept)])
    first, without, given_back = np.mean(rows, axis=0)
    return float(first), float(without), float(given_back)


if __name__ == "__main__":
    main()
