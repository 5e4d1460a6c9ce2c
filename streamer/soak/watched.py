"""A pipeline on a site's camera, its results checked against the time that is drawn into the frames."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from streamer.config.settings import PipelineSettings
from streamer.events.types import Event, ObjectEvent, SourceEvent
from streamer.masks import box_of, iou
from streamer.ports import AnySink, Tracker
from streamer.process.threads import background
from streamer.rate_limit import Backoff
from streamer.service.build import Wiring, build_pipeline, build_source
from streamer.service.control import controlled
from streamer.soak import camera, clock
from streamer.types import Command, Frame, Prompt, Track, TrackResult

log = logging.getLogger(__name__)
STALE_S = 1.5  # from capture to mask: a frame may be late by one second, and tracking takes time
SLICE_S = 0.02
CHECK_EVERY = 5  # results between comparisons with the truth
KEPT_IOU = 0.5
FINISH_TIMEOUT_S = 90.0  # more than the pipeline gives its stages


@dataclass(slots=True)
class Probe:
    """A sink that measures the true age of live results."""

    allowed_s: float = STALE_S
    results: int = 0
    stale: int = 0  # results of older frames
    oldest_s: float = 0.0
    unread: int = 0  # frames whose drawn time was damaged
    taken_s: float = 0.0  # the camera's monotonic time of the newest result's frame
    ids: frozenset[int] = frozenset()
    overlap: Mapping[int, float] = field(default_factory=dict)  # IoU with the truth, of the newest checked result
    events: list[Event] = field(default_factory=list)

    def write(self, result: TrackResult) -> None:
        self.results += 1
        self.ids = frozenset(track.object_id for track in result.tracks)
        taken_ms = clock.read(result.frame.image)
        if taken_ms is None:
            self.unread += 1
            return
        self.taken_s = taken_ms / 1000
        age_s = time.monotonic() - self.taken_s
        self.oldest_s = max(self.oldest_s, age_s)
        if age_s > self.allowed_s:
            self.stale += 1
            log.warning("%s: a frame of %.1f s ago was published as live", result.frame.source, age_s)
        if self.results % CHECK_EVERY == 0 and (result.frame.width, result.frame.height) == camera.SIZE:
            truth = SCENE.truth(camera.index_at(taken_ms))
            seen = {track.object_id: track.mask for track in result.tracks if track.state == "tracked"}
            self.overlap = {number: iou(mask, truth[number]) for number, mask in seen.items() if number in truth}

    def notify(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    def causes(self, since: int = 0) -> list[str]:
        """The causes of the source's events."""
        return [event.cause for event in self.events[since:] if isinstance(event, SourceEvent)]

    def changes(self, since: int = 0) -> list[tuple[int, str]]:
        """The changes of objects."""
        return [(event.object_id, event.kind) for event in self.events[since:] if isinstance(event, ObjectEvent)]


SCENE = camera.scene()


class _Prompted:
    """A tracker that gets prompts for the scene's objects on the first frame whose time can be read."""

    def __init__(self, tracker: Tracker, objects: int) -> None:
        self._tracker = tracker
        self._left = objects

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        return self._tracker.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        if self._left and (taken_ms := clock.read(frame.image)) is not None:
            truth = SCENE.truth(camera.index_at(taken_ms))
            boxes = {number: box_of(truth[number]) for number in range(1, self._left + 1)}
            prompts = [Prompt(number, box=box) for number, box in boxes.items() if box is not None]
            commands, self._left = [*prompts, *commands], 0
        return self._tracker.track(frame, commands)

    def describe(self) -> dict[str, Any]:
        return self._tracker.describe()


class Watched:
    """`with Watched(url, tracker) as watched:` runs it in the background; leaving ends it.

    `sinks` are additional to the probe. Objects 1 to N are prompted with their true boxes.
    """

    def __init__(
        self,
        url: str,
        tracker: Tracker,
        *,
        sinks: Mapping[str, AnySink] | None = None,
        backoff: Backoff | None = None,
        source: Mapping[str, Any] = {},  # further settings of the source
        objects: int = 1,
        name: str = "cam",
        control: str | None = None,
    ) -> None:
        self.probe = Probe()
        self.error: BaseException | None = None
        settings = PipelineSettings.model_validate(
            {"source": {"uri": url, "name": name, "reconnect": "always", **source}, "control": control}
        )
        wiring = Wiring(source=build_source(settings.source, backoff), sinks={"probe": self.probe, **(sinks or {})})
        self.pipeline = build_pipeline(settings, lambda: _Prompted(tracker, objects), wiring)
        self._control = settings.control
        self.endpoint: str | None = None
        self._name = f"pipeline {name}"

    def __enter__(self) -> Self:
        self._thread = background(self._name, self._run)
        return self

    def __exit__(self, *_: object) -> None:
        self.pipeline.stop()
        self._thread.join(FINISH_TIMEOUT_S)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            with controlled(self.pipeline, self._control) as self.endpoint:
                self.pipeline.run()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self.error = error

    def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Seconds until the condition holds; raises TimeoutError that names `what`."""
        began = time.monotonic()
        while not condition():
            if self.error is not None:
                raise self.error
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{what}: not within {seconds:g} s; events: {self.probe.causes()}")
            time.sleep(SLICE_S)
        return time.monotonic() - began

    def wait_for_frames(self, seconds: float = 30.0) -> float:
        """Seconds until the first result of a frame that was captured after the call."""
        since = time.monotonic()
        return self.wait(lambda: self.probe.taken_s > since, seconds, "a new frame")

    def kept(self) -> int:
        """How many objects are where the truth is, in the last result that was compared."""
        return sum(overlap > KEPT_IOU for overlap in self.probe.overlap.values())
