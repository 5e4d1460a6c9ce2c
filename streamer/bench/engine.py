"""Our tracker beside transformers' documented loop: same weights, frames, threads and process, a frame each in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from streamer.config.settings import TrackingSettings
from streamer.edgetam import cores
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.reference import ReferenceTrack, ReferenceTracker
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.runtimes.port import describe
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.weights import Checkpoint, choose_device, load
from streamer.errors import StreamerError, UsageError
from streamer.masks import box_of, iou
from streamer.types import Frame, Prompt, Track
from streamer.video.scene import MAX_OBJECTS, Scene, SceneSettings

WARM_UP = 8  # frames until the memories are full, and every engine has met its shapes
MIN_IOU = 0.999  # below which the two do not do the same thing, and no ratio means anything
MATRIX, PRODUCTS = 2048, 5
FRAME_SIZE = (960, 540)


@dataclass(slots=True, eq=False)
class Race:
    """What both took, and how far apart they were."""

    ours_s: list[float] = field(default_factory=list)
    reference_s: list[float] = field(default_factory=list)
    worst_logit: float = 0.0
    lowest_iou: float = 1.0
    visible: list[bool] = field(default_factory=list)

    def compare(self, tracks: Sequence[Track], references: Sequence[ReferenceTrack]) -> None:
        for track, reference in zip(tracks, references, strict=True):
            assert track.logits is not None
            self.worst_logit = max(self.worst_logit, float(np.abs(track.logits - reference.logits).max()))
            self.lowest_iou = min(self.lowest_iou, iou(track.mask, reference.mask))
            self.visible.append(bool(reference.mask.any()))

    @property
    def ours_ms(self) -> float:
        """Median of a frame."""
        return 1000 * statistics.median(self.ours_s)

    def beside_reference(self) -> dict[str, float]:
        """The reference's time, the ratio, and how far apart the two were."""
        theirs_ms = 1000 * statistics.median(self.reference_s)
        return {
            "reference_ms": round(theirs_ms, 2),
            "ratio": round(theirs_ms / self.ours_ms, 3),
            "visible": round(statistics.mean(self.visible), 3),
            "min_iou": round(self.lowest_iou, 6),
            "max_abs_logit_diff": float(f"{self.worst_logit:.2g}"),
        }


def engine(
    model: str, size: int | None, counts: Sequence[int], frames: int, runtime: str, *, reference: bool = True
) -> dict[str, Any]:
    """For each number of objects the milliseconds of a frame, and with `reference` also transformers' and the ratio.

    Raises StreamerError where the masks disagree.
    """
    if max(counts) > MAX_OBJECTS:
        raise UsageError(f"--objects {max(counts)}: the scene has at most {MAX_OBJECTS}")
    name = runtimes.choose(runtime, choose_device("auto").type)
    threads = cores.count()
    torch.set_num_threads(threads)
    ours = load(model, size=size)
    theirs = load(model, size=size, merge=False) if reference else None
    started = runtimes.start(name, ours)
    figures = []
    for count in counts:
        before = matrix_gflops()
        race = _race(StreamingTracker(started, TrackingSettings(extensions=False)), theirs, count, frames)
        speed = _speed(gflop_per_frame(ours, count), race.ours_ms, max(before, matrix_gflops()))
        ratio = race.beside_reference() if reference else {}
        figures.append({"objects": count, "ours_ms": round(race.ours_ms, 2)} | ratio | speed)
    described = describe(started.info, started.name)
    return {"model": described, "threads": threads, "frames": frames, "frame_size": list(FRAME_SIZE), "counts": figures}


def _speed(work_gflop: float, milliseconds: float, machine_gflops: float) -> dict[str, float]:
    """What a frame needs, and how near the machine's own speed it comes."""
    reached = work_gflop / milliseconds * 1000
    return {
        "gflop_per_frame": round(work_gflop, 2),
        "gflops_reached": round(reached, 1),
        "machine_gflops": round(machine_gflops, 1),
        "fraction_of_machine": round(reached / machine_gflops, 3),
    }


def _race(tracker: StreamingTracker, theirs: Checkpoint | None, count: int, frames: int) -> Race:
    race, scene = Race(), scene_of(count)
    pixels = Preprocessor(tracker.runtime).whole  # both get the same: resizing may differ by a grey level
    session = ReferenceTracker(theirs, pixels) if theirs is not None else None
    for index in range(WARM_UP + frames):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        prompts = boxes_of(scene) if index == 0 else ()
        references, theirs_s = [], 0.0
        if session is not None:
            started = time.perf_counter()
            references = session.track_all(frame, prompts)
            theirs_s = time.perf_counter() - started
        started = time.perf_counter()
        tracks = tracker.track(frame, prompts)
        ours_s = time.perf_counter() - started
        if references:
            race.compare(tracks, references)
        if race.lowest_iou < MIN_IOU:
            raise StreamerError(
                f"frame {index}: the masks have an IoU of {race.lowest_iou:.4f} with transformers' (at least {MIN_IOU} "
                f"wanted, logits differ by up to {race.worst_logit:.4f}): there is no ratio of two different things"
            )
        if index >= WARM_UP:
            race.ours_s.append(ours_s)
            race.reference_s.append(theirs_s)
    return race


def matrix_gflops() -> float:
    """What this machine's threads reach on a product of square matrices in float32, at best, in 1e9 a second."""
    a, b = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
    seconds = []
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - started)
    return 2 * MATRIX**3 / min(seconds) / 1e9


def gflop_per_frame(checkpoint: Checkpoint, count: int) -> float:
    """What a frame needs once the memories are full, in 1e9; a multiplication and an addition count as two."""
    tracker = StreamingTracker(TorchRuntime(checkpoint), TrackingSettings(extensions=False))
    scene = scene_of(count)
    frame = Frame.from_image(scene.draw(0)[0], index=0)
    for index in range(WARM_UP):
        tracker.track(frame, boxes_of(scene) if index == 0 else ())
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        tracker.track(frame)
    return float(counter.get_total_flops()) / 1e9


def scene_of(count: int) -> Scene:
    """A scene of this many objects, none of them hidden."""
    width, height = FRAME_SIZE
    return Scene(SceneSettings(objects=count, width=width, height=height, occluder=False))


def boxes_of(scene: Scene) -> list[Prompt]:
    """The true boxes on the first frame."""
    return [Prompt(number, box=box_of(mask)) for number, mask in scene.truth(0).items()]
