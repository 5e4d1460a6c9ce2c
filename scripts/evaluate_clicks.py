#!/usr/bin/env python
"""IoU of the first mask from one click on a data set in DAVIS layout: `scripts/evaluate_clicks.py ROOT`.

Each object is clicked on its deepest point on the first frame that shows it. Prints, for the whole frame alone and for
crops of several sizes (`streamer.edgetam.click_scale`), the mean IoU over objects with --by-object each one's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import numpy as np

from streamer.edgetam import frame_step, open_tracker
from streamer.edgetam.search_window import Crop
from streamer.evaluation.davis import prompt, sequences
from streamer.masks import Mask, iou
from streamer.types import Frame, Reset


def first_frames(root: Path) -> Iterator[tuple[Frame, int, Mask]]:
    """Each object with the first frame on which it is seen."""
    for clip in sequences(root):
        known: set[int] = set()
        for index, path in enumerate(clip.frames):
            labels = clip.labels(path)
            for number in sorted({int(n) for n in np.unique(labels)} - known - {0, 255}):
                known.add(number)
                yield clip.frame(index), number, labels == number


def whole_frame_alone(_points: object, height: int, width: int) -> list[Crop]:
    return [Crop(0, 0, width, height)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--by-object", action="store_true")
    given = parser.parse_args()
    opened = open_tracker(given.model)
    rows = []
    for frame, number, true in first_frames(given.root):
        (crops,) = opened.track(frame, [Reset(), prompt(number, true, "point")])
        with mock.patch.object(frame_step, "click_crops", whole_frame_alone):
            (whole,) = opened.track(frame, [Reset(), prompt(number, true, "point")])
        rows.append((iou(whole.mask, true), iou(crops.mask, true)))
        if given.by_object:
            print(f"{frame.source} {number}: {rows[-1][0]:.3f} {rows[-1][1]:.3f}")
    before, after = np.mean(rows, axis=0)
    print(f"| first mask from one click, {len(rows)} objects | mean IoU |\n| --- | --- |")
    print(f"| the whole frame alone | {before:.3f} |\n| crops of several sizes | {after:.3f} |")


if __name__ == "__main__":
    main()
