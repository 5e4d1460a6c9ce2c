"""Measurements of the live path. Each compares in one run, since the machines that run it are shared and noisy."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from streamer.bus.publisher import Publisher
from streamer.config.settings import PipelineSettings, SourceSettings, TrackingSettings
from streamer.edgetam import open_engine, open_tracker
from streamer.masks import box_of
from streamer.pipeline.meter import percentiles
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.ports import Sink, Tracker
from streamer.process.memory import resident_mb
from streamer.service.build import Wiring, build_pipeline
from streamer.sinks import NullSink
from streamer.sources.scene import SceneSource
from streamer.types import Ack, Command, Frame, Prompt, Remove, Request, Reset, Track, TrackResult
from streamer.video.scene import Scene, SceneSettings

UNSET = PipelineSettings(source=SourceSettings(uri="scene:"))  # each measurement gives a source of its own
ROUNDS = 4  # of each kind, in turn
WARM_UP = 10
SAMPLE_EVERY = 10
JOIN = 10  # frames from one object's prompt to the next one's, in a memory run
CROWD_FRAMES = 50
SETTLED = 0.2  # of a memory run is left out: caches fill and the bank reaches its bounds


@dataclass(slots=True, eq=False)
class FrameList:
    """Frames from memory, so that only the pipeline is measured."""

    frames: Sequence[Frame]
    name: str = "recording"
    live: bool = False

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.frames:
            yield Frame.from_image(frame.image, index=frame.index, source=self.name)

    def close(self) -> None:
        pass


@dataclass(slots=True, eq=False)
class Timed:
    """A tracker and a sink that note when they begin and end."""

    tracker: Tracker
    sink: Sink
    steps_ns: list[tuple[int, int]] = field(default_factory=list)
    written_ns: list[int] = field(default_factory=list)

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        return self.tracker.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        started = time.monotonic_ns()
        tracks = self.tracker.track(frame, commands)
        self.steps_ns.append((started, time.monotonic_ns()))
        return tracks

    def describe(self) -> dict[str, Any]:
        return self.tracker.describe()

    def write(self, result: TrackResult) -> None:
        self.sink.write(result)
        self.written_ns.append(time.monotonic_ns())

    def close(self) -> None:
        self.sink.close()

    def overheads_ms(self) -> list[float]:
        """For each frame, the time around the tracker's step: waiting for it after the last, and until it is sent."""
        ends = [end for _, end in self.steps_ns]
        before = [start - last for (start, _), last in zip(self.steps_ns[1:], ends, strict=False)]
        after = [written - end for written, end in zip(self.written_ns[1:], ends[1:], strict=False)]
        return [(b + a) / 1e6 for b, a in zip(before, after, strict=False)]


def pipeline(model: str, frames: int, objects: int, size_wh: tuple[int, int], *, exact: bool = False) -> dict[str, Any]:
    """The bare tracker loop against the whole pipeline with ZeroMQ out, in alternating rounds on the same frames.

    `exact`: without windows, as transformers' loop.
    """
    scene = Scene(SceneSettings(objects=max(objects, 2), width=size_wh[0], height=size_wh[1], frames=frames))
    each = max(frames // ROUNDS, WARM_UP + 5)
    recorded = [Frame.from_image(scene.draw(i)[0], index=i) for i in range(each)]
    prompts = [Prompt(number, box=box_of(scene.truth(0)[number])) for number in range(1, objects + 1)]
    tracker = open_tracker(model, tracking=TrackingSettings(exact=exact))
    publisher = Publisher("tcp://127.0.0.1:*")
    command = [sys.executable, "-m", "streamer", "subscribe", publisher.endpoint, "--json", "--timeout", "5"]
    reader = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bare_s, full_s, overheads = [], [], list[float]()
    try:
        for _ in range(ROUNDS):
            bare_s.append(_in_a_thread(lambda: _bare(tracker, recorded, prompts)))
            timed = Timed(tracker, _KeptOpen(publisher))
            wiring = Wiring(source=FrameList(recorded), sinks={"zmq": timed}, first=[Reset()], prompts=prompts)
            build_pipeline(UNSET, partial(_given, timed), wiring).run()
            full_s.append((timed.steps_ns[-1][1] - timed.steps_ns[WARM_UP][0]) / 1e9)
            overheads += timed.overheads_ms()[WARM_UP:]
    finally:
        reader.kill()
        reader.wait()
        publisher.close()
    counted = ROUNDS * (each - WARM_UP)
    engine_fps, pipeline_fps = counted / sum(bare_s), counted / sum(full_s)
    return {
        "engine_fps": round(engine_fps, 3),
        "pipeline_fps": round(pipeline_fps, 3),
        "ratio": round(pipeline_fps / engine_fps, 4),
        "overhead_ms": {key: value for key, value in percentiles(overheads).items() if key != "p95"},
        "frames": counted,
        "objects": objects,
        "size": list(size_wh),
        "model": tracker.describe(),
    }


def _given(tracker: Tracker) -> Tracker:
    return tracker


class _KeptOpen:
    """A publisher that several pipelines use in turn."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write(self, result: TrackResult) -> None:
        self._publisher.write(result)

    def close(self) -> None:
        pass


def _bare(tracker: Tracker, frames: Sequence[Frame], prompts: Sequence[Prompt]) -> float:
    started = 0.0
    for number, frame in enumerate(frames):
        if number == WARM_UP:
            started = time.perf_counter()
        tracker.track(frame, [Reset(), *prompts] if number == 0 else ())
    return time.perf_counter() - started


def _in_a_thread(measure: Callable[[], float]) -> float:
    """Measure where the pipeline measures: a thread of its own, for torch's workers are each thread's own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(measure).result()


def memory(model: str, frames: int, objects: int, runtime: str = "auto") -> dict[str, Any]:
    """Resident memory against frames through the whole pipeline, while objects come, are refined and go."""
    tracker = open_engine(model, runtime=runtime).tracker()
    source = SceneSource(SceneSettings(objects=objects, frames=0, leave=True), name="scene")
    sampler = _Sampler()
    wiring = Wiring(source=source, sinks={"null": NullSink(), "sampler": sampler}, limits=Limits(frames=frames))
    run = build_pipeline(UNSET, lambda: tracker, wiring)
    run.commands.put(Request(_prompts(source.scene, 0, [1]), lambda _: None))
    refused: list[str] = []
    sampler.every_frame = lambda index: _churn(run, source.scene, index, objects, refused)
    run.run()
    used = [(n, mb) for n, mb in sampler.samples if n >= SETTLED * frames]
    return {
        "rss_slope_kb_per_frame": slope_kb(used),
        "rss_mb": {"after_warm_up": round(used[0][1], 1), "end": round(used[-1][1], 1)},
        "frames": run.figures.tracked,
        "objects": objects,
        "commands": sampler.commands,
        "refused": len(refused),
        "model": tracker.describe(),
    }


def slope_kb(samples: Sequence[tuple[int, float]]) -> float:
    """The straight line through (frame, MB), in KB a frame."""
    if len(samples) < 2:
        return 0.0
    return round(float(np.polyfit([n for n, _ in samples], [mb * 1000 for _, mb in samples], 1)[0]), 3)


class _Sampler:
    """A sink that notes resident memory, and lets something happen on every frame."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, float]] = []
        self.commands = 0
        self.every_frame: Callable[[int], int] = lambda _index: 0

    def write(self, result: TrackResult) -> None:
        self.commands += self.every_frame(result.frame.index)
        if result.frame.index % SAMPLE_EVERY == 0:
            self.samples.append((result.frame.index, resident_mb()))

    def close(self) -> None:
        pass


def _churn(run: Pipeline, scene: Scene, index: int, objects: int, refused: list[str]) -> int:
    """First one object more every JOIN frames; then every 20 a refinement, every 50 a removal, 10 later its return.

    A runtime reserves memory for each number of objects that it meets, once: all are met before anything is measured.
    """

    def note(ack: Ack) -> None:
        if ack.error:
            refused.append(ack.error)

    number = index // 50 % objects + 1
    commands: tuple[Command, ...] = ()
    if index < JOIN * (objects - 1):
        if index % JOIN == JOIN - 1:
            commands = _prompts(scene, index, [index // JOIN + 2])
    elif index % 50 == 40:
        commands = (Remove(number),)
    elif index and index % 50 == 0:
        commands = _prompts(scene, index, [(index - 1) // 50 % objects + 1])
    elif index % 20 == 10:
        commands = _prompts(scene, index, [index // 20 % objects + 1])
    if commands:
        run.commands.offer(Request(commands, note))
    return len(commands)


def _prompts(scene: Scene, index: int, numbers: Sequence[int]) -> tuple[Prompt, ...]:
    boxes = {number: box_of(mask) for number, mask in scene.truth(index).items() if number in numbers}
    return tuple(Prompt(number, box=box) for number, box in boxes.items() if box is not None)


def crowd(model: str, frames: int, most: int) -> dict[str, Any]:
    """Up to `most` objects join and leave at random: memory, and the slowest step beside others with as many objects.

    First each number of objects is met once; whatever had to be compiled or reserved for it is there then. All are
    searched for in the whole frame, as one batch.
    """
    tracker, rng = open_tracker(model, tracking=TrackingSettings(extensions=False)), np.random.default_rng(0)
    scene = Scene(SceneSettings(frames=CROWD_FRAMES))
    images = [scene.draw(index)[0] for index in range(CROWD_FRAMES)]
    height, width = images[0].shape[:2]
    size = 0.2 * width, 0.2 * height
    present: set[int] = set()
    samples: list[tuple[int, float]] = []
    steps: dict[int, list[float]] = {}
    for index in range(most + frames):
        changed = {index + 1} if index < most else {int(n) + 1 for n in rng.integers(0, most, rng.integers(0, 4))}
        corners = rng.uniform(0, 0.7, (most, 2)) * (width, height)
        commands: list[Command] = [
            Remove(n) if n in present else Prompt(n, box=(*corners[n - 1], *(corners[n - 1] + size)))
            for n in sorted(changed)
        ]
        present ^= changed
        started = time.perf_counter()
        tracker.track(Frame.from_image(images[index % CROWD_FRAMES], index=index), commands)
        if index >= most:
            samples.append((index, resident_mb()))
            if not commands:
                steps.setdefault(len(present), []).append(time.perf_counter() - started)
    slowest = max((max(times) / float(np.median(times)) for times in steps.values() if len(times) > 2), default=0.0)
    return {
        "rss_slope_kb_per_frame": slope_kb(samples),
        "rss_mb": {"after_warm_up": round(samples[0][1], 1), "end": round(samples[-1][1], 1)},
        "slowest_to_median_step": round(slowest, 2),
        "frames": frames,
        "most_objects": most,
        "model": tracker.describe(),
    }


def age(model: str, frames: int, objects: int) -> dict[str, Any]:
    """How old results are when the source is faster than the tracker: under two steps, not a queue's length."""
    tracker = open_tracker(model)
    source = SceneSource(SceneSettings(objects=objects, frames=0, fps=60.0, realtime=True), name="scene")
    timed = Timed(tracker, NullSink())
    prompts = _prompts(source.scene, 0, range(1, objects + 1))
    wiring = Wiring(source=source, sinks={"null": timed}, prompts=prompts, limits=Limits(frames=frames))
    run = build_pipeline(UNSET, lambda: timed, wiring)
    run.run()
    steps = percentiles([(end - start) / 1e6 for start, end in timed.steps_ns[WARM_UP:]])
    ages = percentiles(list(run.figures.latencies_ms)[WARM_UP:])
    return {
        "source_fps": 60.0,
        "tracked_fps": round(run.figures.fps, 2),
        "age_ms": ages,
        "step_ms": steps,
        "age_in_steps": round(ages["p50"] / steps["p50"], 3),
        "dropped": run.dropped,
        "model": tracker.describe(),
    }
