"""`streamer evaluate`: a model's scores on a data set in DAVIS layout."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from streamer.cli.options import section_of
from streamer.cli.progress import Progress
from streamer.config.motion import MotionSettings
from streamer.config.settings import ModelSettings, TrackingSettings
from streamer.edgetam import open_engine
from streamer.errors import UsageError
from streamer.evaluation import davis
from streamer.evaluation.davis import Answer, Answers, Clip, Masks, Score
from streamer.evaluation.identity import FRAMES_TO_RETURN, IdentityTotals, calibration, totals
from streamer.evaluation.live import FollowSome, Live
from streamer.masks import colour
from streamer.ports import LiveTracker, SelectiveTracker
from streamer.types import Attention, Command, Frame, Prompt, Reset

log = logging.getLogger(__name__)
OUTLINE = 2  # pixels
WHITE = (255, 255, 255)


def evaluate(args: argparse.Namespace) -> int:
    """Print a line for each object and the means; 1 where a clip could not be scored, and the others are."""
    _check_live(args)
    clips = davis.sequences(Path(args.root), args.sequences.split(",") if args.sequences else ())
    tracker = _tracker(args)

    def follow(frame: Frame, prompts: Sequence[Prompt]) -> Answers:
        commands: Sequence[Command] = [Reset(), *prompts] if frame.index == 0 else prompts
        return {t.object_id: Answer(t.mask, t.score, t.predicted_iou) for t in tracker.track(frame, commands)}

    def follow_some(frame: Frame, prompts: Sequence[Prompt], attention: Attention) -> Answers:
        commands: Sequence[Command] = [Reset(), *prompts] if frame.index == 0 else prompts
        tracks = tracker.track_some(frame, commands, attention)
        return {t.object_id: Answer(t.mask, t.score, t.predicted_iou) for t in tracks}

    live = _live(args, follow_some)
    scores: list[Score] = []
    broken: list[str] = []
    for clip in Progress(clips, total=len(clips), unit="clip", disable=not args.json):
        worst = Worst(clip)
        try:
            scores += davis.evaluate(clip, follow, args.prompt, live=live, observer=worst)
        except UsageError as error:
            log.warning("%s: not scored: %s", clip.name, error)
            broken.append(clip.name)
            continue
        if args.worst_frames:
            worst.draw(Path(args.worst_frames))
        if not args.json:
            print(_lines([score for score in scores if score.sequence == clip.name]), flush=True)
    if args.json:
        print(json.dumps(_summary(scores, broken, args, tracker.describe())))
    elif scores:
        print(f"mean over {len(scores)} objects: J&F {_mean(scores, 'jf'):.3f}  J {_mean(scores, 'j'):.3f}  ", end="")
        print(f"F {_mean(scores, 'f'):.3f}")
        print(_identity_line(totals([score.identity for score in scores])))
    return 1 if broken else 0


class ScoredTracker(LiveTracker, SelectiveTracker, Protocol):
    """What a score with `--live` needs of a tracker."""


def _tracker(args: argparse.Namespace) -> ScoredTracker:
    model = section_of(args, "model", ModelSettings)
    tracking = section_of(args, "tracking", TrackingSettings)
    tracker = open_engine(model.id, model.size, runtime=model.runtime).tracker(tracking)
    if not isinstance(tracker, SelectiveTracker):
        raise UsageError(f"model {model.id}: it has no weights, so there is nothing to score; choose another model")
    return tracker


class Worst:
    """Remembers the frame of a clip with the lowest mean J."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self.j = 2.0
        self.index = 0
        self.found: Masks = {}

    def __call__(self, index: int, found: Masks, j: float) -> None:
        if j < self.j:
            self.j, self.index, self.found = j, index, found

    def draw(self, folder: Path) -> None:
        """The masks in their colours, and the true outlines in white."""
        folder.mkdir(parents=True, exist_ok=True)
        path = self.clip.frames[self.index]
        image, labels = self.clip.frame(self.index).image.copy(), self.clip.labels(path)
        for number in np.unique(labels):
            if number and number != 255:
                found = self.found.get(int(number), np.zeros(labels.shape, np.bool_))
                image[found] = image[found] // 2 + np.array(colour(int(number)), np.uint8) // 2
                true = (labels == number).astype(np.uint8)
                outlines, _ = cv2.findContours(true, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
                cv2.drawContours(image, outlines, -1, WHITE, OUTLINE)
        cv2.imwrite(str(folder / f"{self.clip.name}-{path.stem}-j{100 * self.j:.0f}.jpg"), image[..., ::-1])


def _check_live(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    for name, value in (("--step-ms", args.step_ms), ("--flow-ms", args.flow_ms), ("--object-ms", args.object_ms)):
        if value is not None and args.live is None:
            raise UsageError(f"{name} is for --live FPS")
        if value is not None and (value < 0 or (value == 0 and name == "--step-ms")):
            raise UsageError(f"{name} {value:g}: give more")
    if args.live is not None and args.live <= 0:
        raise UsageError(f"--live {args.live:g}: give more than 0")
    if args.object_ms is not None and args.step_ms is None:
        raise UsageError("--object-ms needs --step-ms")


def _live(args: argparse.Namespace, follow_some: FollowSome | None = None) -> Live | None:
    if args.live is None:
        return None
    motion = section_of(args, "motion", MotionSettings)
    is_carried = motion.enabled and not section_of(args, "tracking", TrackingSettings).exact
    object_ms, carried = args.object_ms or 0.0, motion if is_carried else None
    return Live(args.live, args.step_ms, object_ms, carried, args.flow_ms, follow_some)


def _mean(scores: Sequence[Score], name: str) -> float:
    return float(np.mean([getattr(score, name) for score in scores]))


def _lines(scores: Sequence[Score]) -> str:
    return "\n".join(
        f"{s.sequence:20} {s.object_id:3}  J&F {s.jf:.3f}  J {s.j:.3f} (recall {s.region.recall:.2f}, decay "
        f"{s.region.decay:+.2f})  F {s.f:.3f} (recall {s.boundary.recall:.2f}, decay {s.boundary.decay:+.2f})"
        for s in scores
    )


def _identity_line(sums: IdentityTotals) -> str:
    """The three figures of identity on one line."""
    kept = f"identity kept by {sums.kept:.1%} of {sums.objects} objects ({sums.switches} switches)"
    found = "nothing left and returned"
    if sums.found_again is not None:
        found = f"{sums.found_again:.1%} of {sums.returns} returns found within {FRAMES_TO_RETURN} frames"
    return f"{kept}; {found}; {sums.false:.1%} of frames tracked while wrong"


def _summary(
    scores: Sequence[Score], broken: Sequence[str], args: argparse.Namespace, model: dict[str, Any]
) -> dict[str, Any]:
    objects = [
        {
            "sequence": s.sequence,
            "id": s.object_id,
            "frames": s.frames,
            "jf": round(s.jf, 4),
            "identity": asdict(s.identity),
            **{
                name: {figure: round(getattr(series, figure), 4) for figure in ("mean", "recall", "decay")}
                for name, series in (("j", s.region), ("f", s.boundary))
            },
        }
        for s in scores
    ]
    sequences = {
        name: round(_mean([score for score in scores if score.sequence == name], "jf"), 4)
        for name in dict.fromkeys(score.sequence for score in scores)
    }
    means = {name: round(_mean(scores, name), 4) if scores else None for name in ("jf", "j", "f")}
    return means | {
        "prompt": args.prompt,
        "live_fps": args.live,
        "step_ms": args.step_ms,
        "object_ms": args.object_ms,
        "flow_ms": args.flow_ms,
        "motion": None if (live := _live(args)) is None or live.motion is None else live.motion.model_dump(),
        "sequences": sequences,
        "identity": asdict(totals([score.identity for score in scores])),
        "calibration": [asdict(one) for one in calibration(seen for score in scores for seen in score.sightings)],
        "objects": objects,
        "not_scored": list(broken),
        "tracking": section_of(args, "tracking", TrackingSettings).model_dump(),
        "model": model,
    }
