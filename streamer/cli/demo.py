"""`streamer demo`: a synthetic scene as a live camera, tracked, commanded, published, recorded and scored at once."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from streamer.bus.command_client import CommandClient
from streamer.bus.publisher import Publisher
from streamer.cli.run import report, run_and_summarise
from streamer.config.settings import PipelineSettings
from streamer.errors import CommandError, StreamerError
from streamer.masks import Mask, box_of, deepest_point, iou
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.pipeline.signals import stopped_by_signals
from streamer.process.threads import background
from streamer.service.build import Wiring, build_engine, build_pipeline, build_source, build_tracker
from streamer.service.control import controlled
from streamer.sources.scene import SceneSource
from streamer.types import Command, Prompt, Remove, TrackResult
from streamer.video.scene import Scene

log = logging.getLogger("streamer.demo")
SCENE = "scene:?seed=2&objects=3&fps=30&frames=0&realtime"
ANY_PORT = "tcp://127.0.0.1:*"
SUBSCRIBER_PATIENCE_S = 4.0
COMMAND_TIMEOUT_S = 10.0


@dataclass(slots=True)
class TruthSink:
    """Scores every result against the scene's truth, on the frames on which an object can be seen."""

    scene: Scene
    ious: dict[int, list[float]] = field(default_factory=dict)

    def write(self, result: TrackResult) -> None:
        truth = self.scene.truth(result.frame.index)
        for track in result.tracks:
            if track.object_id in truth and truth[track.object_id].any():
                self.ious.setdefault(track.object_id, []).append(iou(track.mask, truth[track.object_id]))

    def close(self) -> None:
        pass

    def summary(self) -> dict[str, Any]:
        every = [value for values in self.ious.values() for value in values]
        return {
            "mean_iou": round(float(np.mean(every)), 4) if every else None,
            "mean_iou_by_object": {key: round(float(np.mean(values)), 4) for key, values in sorted(self.ious.items())},
        }


def demo(args: argparse.Namespace) -> int:
    """`streamer demo`."""
    settings = PipelineSettings.model_validate({"source": {"uri": SCENE}, "sinks": [args.out], "control": ANY_PORT})
    source = build_source(settings.source)
    assert isinstance(source, SceneSource)
    scene = source.scene
    with contextlib.ExitStack() as opened:
        publisher, truth = Publisher(ANY_PORT), TruthSink(scene)
        opened.callback(publisher.close)
        wiring = Wiring(
            source=source,
            sinks={"zmq": publisher, "truth": truth},
            prompts=opening(scene.truth(0)),
            limits=Limits(seconds=args.seconds),
        )
        pipeline = build_pipeline(settings, lambda: build_tracker(build_engine(wiring.model), settings), wiring)
        opened.enter_context(stopped_by_signals(pipeline.stop))
        endpoint = opened.enter_context(controlled(pipeline, settings.control))
        assert endpoint is not None
        subscriber = subscribe(publisher.endpoint)
        opened.callback(subscriber.kill)
        director = Director(endpoint, scene, pipeline, args.seconds)
        director.start()
        log.info("masks on %s, commands on %s, overlay in %s", publisher.endpoint, endpoint, args.out)
        summary = run_and_summarise(pipeline)
        received = reap(subscriber)
        director.join()
    summary |= truth.summary() | {"commands": director.done, "subscriber": received, "video": args.out}
    report(summary, as_json=args.json)
    if not args.json:
        log.info("mean IoU with the scene's truth %s, by object %s", summary["mean_iou"], summary["mean_iou_by_object"])
        log.info("a second process decoded %d messages; the overlay is in %s", received["received"], args.out)
    return check(director, received, Path(args.out))


def opening(truth: dict[int, Mask]) -> list[Prompt]:
    """Object 1 by its box, object 2 by a click."""
    return [Prompt(1, box=_box(truth[1])), Prompt(2, points=(deepest_point(truth[2]),), labels=(1,))]


def _box(mask: Mask) -> tuple[int, int, int, int]:
    box = box_of(mask)
    if box is None:
        raise CommandError("the object cannot be seen on this frame")
    return box


class Director:
    """Sends commands over the real socket while the pipeline runs: adds object 3, refines it, removes object 1."""

    def __init__(self, endpoint: str, scene: Scene, pipeline: Pipeline, seconds: float) -> None:
        self.done: list[dict[str, Any]] = []
        self.failed: str | None = None
        self._endpoint, self._scene, self._pipeline, self._seconds = endpoint, scene, pipeline, seconds

    def start(self) -> None:
        self._thread = background("director", self._run)

    def join(self) -> None:
        self._thread.join(COMMAND_TIMEOUT_S * 3)

    def _run(self) -> None:
        started = time.monotonic()
        try:
            with CommandClient(self._endpoint, timeout_s=COMMAND_TIMEOUT_S) as client:
                for at, verb in ((0.2, "add 3"), (0.45, "refine 3"), (0.7, "remove 1")):
                    time.sleep(max(0.0, started + at * self._seconds - time.monotonic()))
                    ack = client.send(*self._commands(verb))
                    self.done.append({"command": verb, "frame": ack.index})
        except StreamerError as error:
            self.failed = str(error)

    def _commands(self, verb: str) -> Sequence[Command]:
        """What a person would point at in the scene now."""
        if verb == "remove 1":
            return [Remove(1)]
        for ahead in range(0, 120, 3):  # an object that hides right now is waited for in the scene's own time
            truth = self._scene.truth(self._pipeline.captured + ahead)[3]
            if np.count_nonzero(truth) > 0.004 * truth.size:
                break
        if verb == "add 3":
            return [Prompt(3, box=_box(truth))]
        return [Prompt(3, points=(deepest_point(truth),), labels=(1,))]


def subscribe(endpoint: str) -> subprocess.Popen[str]:
    """A subscriber in a process of its own, decoding every mask it gets."""
    command = [
        sys.executable,
        "-m",
        "streamer",
        "subscribe",
        endpoint,
        "--json",
        "--timeout",
        str(SUBSCRIBER_PATIENCE_S),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def reap(subscriber: subprocess.Popen[str]) -> dict[str, Any]:
    """What the subscriber counted; it ends by itself when nothing comes any more."""
    try:
        out, _ = subscriber.communicate(timeout=SUBSCRIBER_PATIENCE_S * 4)
        counted: dict[str, Any] = json.loads(out)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise StreamerError(f"the subscriber in the second process failed: {error}") from error
    return counted


def check(director: Director, received: dict[str, Any], video: Path) -> int:
    """1 with a line for each part of the demo that did not work."""
    wrong = []
    if director.failed:
        wrong.append(f"a command failed: {director.failed}")
    if not received["received"]:
        wrong.append("the subscriber got nothing")
    if not video.stat().st_size:
        wrong.append(f"{video} is empty")
    for line in wrong:
        log.error(line)
    return int(bool(wrong))
