"""Our tracker beside transformers' documented loop, one session for each object, on the same weights and frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.reference import ReferenceTracker
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.weights import Checkpoint
from streamer.masks import box_of, iou
from streamer.types import Frame, Prompt
from streamer.video.scene import Scene


@dataclass(frozen=True)
class Difference:
    """The worst that was seen, and how much of it was about visible objects."""

    logits: float
    iou: float
    visible: float


def compare(
    ours: Checkpoint,
    reference: Checkpoint,
    scene: Scene,
    starts: Mapping[int, tuple[int, Prompt]],
    frames: int,
    *,
    runtime: str = "torch",
) -> Difference:
    """Run both for `frames` frames; `starts` says on which frame each object is prompted, and how.

    Both get the same pixels: tests/model/test_resizing.py says how far these are from transformers' own.
    """
    engine = runtimes.start(runtime, ours)
    tracker, pixels = StreamingTracker(engine, TrackingSettings(extensions=False)), Preprocessor(engine).whole
    sessions: dict[int, ReferenceTracker] = {}
    worst, lowest, seen, compared = 0.0, 1.0, 0, 0
    for index in range(frames):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        prompts = {number: prompt for number, (start, prompt) in starts.items() if start == index}
        tracks = {track.object_id: track for track in tracker.track(frame, list(prompts.values()))}
        for number, (start, _) in starts.items():
            if start > index:
                continue
            session = sessions.setdefault(number, ReferenceTracker(reference, pixels))
            expected = session.track(frame, prompts.get(number))
            worst = max(worst, float(np.abs(expected.logits - tracks[number].logits).max()))
            lowest = min(lowest, iou(expected.mask, tracks[number].mask))
            seen += expected.object_logit > 0 and bool(expected.mask.any())
            compared += 1
    return Difference(worst, lowest, seen / compared)


def centre(mask: np.ndarray) -> tuple[float, float]:
    ys, xs = np.nonzero(mask)
    return float(round(xs.mean())), float(round(ys.mean()))


def one_of_each(scene: Scene) -> dict[int, tuple[int, Prompt]]:
    """One click, clicks of both kinds, a box, a box with a click, a mask; the first three start on different frames."""
    first, third, fifth = scene.truth(0), scene.truth(3), scene.truth(5)
    return {
        1: (0, Prompt(1, points=(centre(first[1]),), labels=(1,))),
        2: (3, Prompt(2, box=box_of(third[2]))),
        3: (5, Prompt(3, mask=fifth[3])),
        4: (0, Prompt(4, points=(centre(first[2]), centre(first[1])), labels=(1, 0))),
        5: (0, Prompt(5, box=box_of(first[3]), points=(centre(first[3]),), labels=(1,))),
    }
