"""Live results as a user sees them: the model's masks and carried ones, with and without motion in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamer.config.motion import MotionSettings
from streamer.config.settings import PipelineSettings, SourceSettings
from streamer.edgetam import open_engine
from streamer.masks import box_of, iou
from streamer.pipeline.meter import percentiles
from streamer.pipeline.pipeline import Limits
from streamer.ports import TrackerEngine
from streamer.service.build import Wiring, build_pipeline
from streamer.sources.scene import SceneSource
from streamer.types import Prompt, TrackResult
from streamer.video.scene import Scene, SceneSettings

WARM_UP_S = 2.0  # the first steps and the first answer are not counted


@dataclass(slots=True)
class Shown:
    """A sink that scores every result against the scene's truth of its own frame, and times it."""

    scene: Scene
    began_s: float = field(default_factory=time.monotonic)
    moments_s: list[float] = field(default_factory=list)
    latencies_ms: dict[str, list[float]] = field(default_factory=lambda: {"model": [], "motion": []})
    ages: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    objects: int = 0
    masks: int = 0
    complete: int = 0

    def write(self, result: TrackResult) -> None:
        now_s = time.monotonic()
        if now_s - self.began_s < WARM_UP_S:
            return
        self.moments_s.append(now_s)
        self.latencies_ms[result.mask_from].append((time.monotonic_ns() - result.frame.captured_ns) / 1e6)
        truth = self.scene.truth(result.frame.index)
        with_mask = [track for track in result.tracks if track.box is not None]
        visible = {number for number, mask in truth.items() if mask.any()}
        self.ages += [float(track.age) for track in result.tracks]
        self.ious += [iou(track.mask, truth[track.object_id]) for track in result.tracks if track.object_id in visible]
        self.objects += len(visible)
        self.masks += sum(track.object_id in visible for track in with_mask)
        self.complete += visible <= {track.object_id for track in with_mask}

    def close(self) -> None:
        pass

    def figures(self) -> dict[str, Any]:
        passed_s = self.moments_s[-1] - self.moments_s[0] if len(self.moments_s) > 1 else 0.0
        count = len(self.moments_s)
        return {
            "results_fps": round((count - 1) / passed_s, 2) if passed_s else 0.0,
            "results": count,
            "from_motion": round(len(self.latencies_ms["motion"]) / count, 4) if count else None,
            "capture_to_publish_ms": {kind: percentiles(values) for kind, values in self.latencies_ms.items()},
            "age_frames": percentiles(self.ages),
            "objects_with_mask": round(self.masks / self.objects, 4) if self.objects else None,
            "results_with_all_masks": round(self.complete / count, 4) if count else None,
            "mean_iou": round(float(np.mean(self.ious)), 4) if self.ious else None,
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
    shown = Shown(source.scene)
    settings = PipelineSettings(source=SourceSettings(uri="scene:"), motion=motion)
    limits = Limits(seconds=seconds + WARM_UP_S)
    wiring = Wiring(source=source, sinks={"shown": shown}, prompts=prompts, limits=limits)
    pipeline = build_pipeline(settings, engine.tracker, wiring)
    pipeline.run()
    tracked = pipeline.figures
    return {"model_fps": round(tracked.fps, 2), **shown.figures()}
