#!/usr/bin/env python
"""Make a data set of two of a kind that cross, leave, hide and return: `scripts/make_crossings.py OUT [--data ROOT]`.

OUT gets DAVIS layout, for `streamer evaluate OUT`. With --data (the layout that scripts/train_nano.py reads) the pairs
are cut from the photographs that training keeps aside; without it they are drawn. The same numbers, the same clips.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import cv2
from nano.made import STORIES, made
from nano.stills import Stills

QUALITY = 92


def write(number: int, stills: Stills | None, out: Path) -> str:
    """One clip in DAVIS layout; its name."""
    name = f"{STORIES[number % len(STORIES)].__name__}-{'drawn' if stills is None else 'cut'}-{number:02d}"
    images, annotations = (out / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
    for folder in (images, annotations):
        folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(made(number, stills)):
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        cv2.imwrite(str(images / f"{index:05d}.jpg"), frame.image[..., ::-1], quality)
        cv2.imwrite(str(annotations / f"{index:05d}.png"), frame.ids)
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="where train-frames, train-objects and train-more lie")
    parser.add_argument("--clips", type=int, default=12)
    given = parser.parse_args()
    stills = None if given.data is None else Stills.under(given.data, kept_aside=True)
    for number in range(given.clips):
        print(write(number, stills, given.out), flush=True)


if __name__ == "__main__":
    main()
