"""Live results as a user sees them: the model's masks and carried ones, with and without motion in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamer.config.motion import MotionSettings
from streamer.config.settings import PipelineSettings, SourceSettings
from streamer.edgetam import open_engine
from streamer.masks import PixelBox, box_of, decode, encode, iou
from streamer.pipeline.meter import percentiles
from streamer.pipeline.pipeline import Limits
from streamer.ports import TrackerEngine
from streamer.service.build import Wiring, build_pipeline
from streamer.sources.scene import SceneSource
from streamer.types import Prompt, TrackResult
from streamer.video.scene import Scene, SceneSettings

SCORE_EVERY = 3  # results
WARM_UP_S = 2.0  # the first steps and the first answer are not counted


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One object of one result, its mask as run lengths."""

    index: int
    object_id: int
    age: int
    box: PixelBox | None
    data: bytes


@dataclass(slots=True)
class Shown:
    """A sink that times every result, and keeps its masks: they are scored after the run, which must not pay for it."""

    size_wh: tuple[int, int]
    began_s: float = field(default_factory=time.monotonic)
    moments_s: list[float] = field(default_factory=list)
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: {"model": [], "motion": []})
    indices: list[int] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def write(self, result: TrackResult) -> None:
        now_s, index = time.monotonic(), result.frame.index
        if now_s - self.began_s < WARM_UP_S:
            return
        self.moments_s.append(now_s)
        self.indices.append(index)
        self.latencies_ms[result.mask_from].append((time.monotonic_ns() - result.frame.captured_ns) / 1e6)
        for track in result.tracks:
            data = encode(track.mask, track.box, "rle")
            self.seen.append(Seen(index, track.object_id, track.age, track.box, data))

    def close(self) -> None:
        pass

    def figures(self, scene: Scene) -> dict[str, Any]:
        """Rates and latencies, and how masks compare with the scene's truth of the frames that they were shown with."""
        passed_s = self.moments_s[-1] - self.moments_s[0] if len(self.moments_s) > 1 else 0.0
        count = len(self.moments_s)
        return {
            "results_fps": round((count - 1) / passed_s, 2) if passed_s else 0.0,
            "results": count,
            "from_motion": round(len(self.latencies_ms["motion"]) / count, 4) if count else None,
            "capture_to_publish_ms": {kind: percentiles(values) for kind, values in self.latencies_ms.items()},
            "age_frames": percentiles([float(each.age) for each in self.seen]),
            **self._score(scene),
        }

    def _score(self, scene: Scene) -> dict[str, Any]:
        truth = {index: scene.truth(index) for index in self.indices[::SCORE_EVERY]}
        visible = {(index, number) for index, masks in truth.items() for number, mask in masks.items() if mask.any()}
        scored = [each for each in self.seen if (each.index, each.object_id) in visible]
        with_mask = {(each.index, each.object_id) for each in scored if each.box is not None}
        masks = [(each, decode(each.data, each.box, "rle", self.size_wh)) for each in scored]
        ious = [iou(mask, truth[each.index][each.object_id]) for each, mask in masks]
        missing = {index for index, number in visible - with_mask}
        return {
            "objects_with_mask": round(len(with_mask) / len(visible), 4) if visible else None,
            "results_with_all_masks": round(1 - len(missing) / len(truth), 4) if truth else None,
            "mean_iou": round(float(np.mean(ious)), 4) if ious else None,
        }


def live(model: str, fps: float, objects: int, seconds: float, size_wh: tuple[int, int]) -> dict[str, Any]:
    """One camera of a synthetic scene in real time: what is published, and what the model did beside it."""
    engine = open_engine(model)
    figures = {
        name: _run(engine, MotionSettings(enabled=is_on), fps, objects, seconds, size_wh)
        for name, is_on in (("with_motion", True), ("without", False))
    }
    with_motion, without = (figures[name]["model_fps"] for name in ("with_motion", "without"))
    return {
        "source_fps": fps,
        "objects": objects,
        "size": list(size_wh),
        **figures,
        "model_fps_ratio": round(with_motion / without, 3) if without else None,
        "model": engine.describe(),
    }


def _run(
    engine: TrackerEngine, motion: MotionSettings, fps: float, objects: int, seconds: float, size_wh: tuple[int, int]
) -> dict[str, Any]:
    scene = SceneSettings(
        objects=objects, frames=0, fps=fps, realtime=True, width=size_wh[0], height=size_wh[1], seed=2
    )
    source = SceneSource(scene, name="scene")
    prompts = [Prompt(number, box=box_of(mask)) for number, mask in source.scene.truth(0).items() if mask.any()]
    shown = Shown(size_wh)
    settings = PipelineSettings(source=SourceSettings(uri="scene:"), motion=motion)
    limits = Limits(seconds=seconds + WARM_UP_S)
    wiring = Wiring(source=source, sinks={"shown": shown}, prompts=prompts, limits=limits)
    pipeline = build_pipeline(settings, engine.tracker, wiring)
    pipeline.run()
    tracked = pipeline.figures
    return {"model_fps": round(tracked.fps, 2), **shown.figures(source.scene)}
