"""Capture, track and write: the wiring of the stages, each in a thread of its own."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamer.channel import Channel, Closed
from streamer.config.motion import MotionSettings
from streamer.config.settings import PrivacySettings, ZoneSettings
from streamer.pipeline.capture_stage import CaptureStage
from streamer.pipeline.meter import SourceFigures, TrackFigures
from streamer.pipeline.motion_stage import MotionStage
from streamer.pipeline.outputs import Outputs
from streamer.pipeline.recording_clock import RecordingClock
from streamer.pipeline.result_meter import ResultFigures
from streamer.pipeline.status import status_of
from streamer.pipeline.track_stage import TrackStage
from streamer.ports import AnySink, OnDemandFinder, Persistent, Source, Tracker
from streamer.process.threads import Background, background, join_all
from streamer.types import Command, Frame, Request, TrackResult

LIVE_DEPTH = 1  # the newest frame wins: at 60 fps in and 25 ms a step a result is 34 ms old at 1, 549 ms at 32
RECORDED_DEPTH = 8
COMMAND_DEPTH = 64
STEP_TIMEOUT_S = 1.0  # for the step that is running when `stop` is called
STOP_TIMEOUT_S = 1.2  # for the other stages then; one that misses it is abandoned with what it holds
FINISH_TIMEOUT_S = 60.0  # for sinks to write what is left after a source has ended
POLL_S = 0.05
Overload = Literal["none", "carried", "shares"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run ends by itself, and how fast it goes; None is no limit."""

    frames: int | None = None
    seconds: float | None = None
    fps: float | None = None  # frames a second of a live source that are tracked at most


class Pipeline:
    """One source through one tracker to any number of sinks.

    `first` takes effect on the first frame; requests in `commands`, a channel that several producers may share, on the
    frame that is tracked next. Pipelines that share an engine track one at a time: each step is inside `acquire()`.
    With `motion` each frame of a live source gets a result, with masks that are carried where the model is late.
    """

    def __init__(
        self,
        source: Source,
        tracker: Tracker,
        sinks: Mapping[str, AnySink],
        *,
        first: Sequence[Command] = (),
        limits: Limits = Limits(),
        commands: Channel[Request] | None = None,
        zones: Sequence[ZoneSettings] = (),
        motion: MotionSettings | None = None,
        privacy: PrivacySettings | None = None,
        acquire: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.source = source
        self.tracker = tracker
        self.limits = limits
        self.commands: Channel[Request] = Channel(COMMAND_DEPTH) if commands is None else commands
        self.outputs = Outputs(sinks, lossy=source.live, zones=zones, privacy=privacy, clock_ns=clock_ns)
        self._motion = MotionStage(motion, clock_ns) if motion is not None and source.live else None
        self._shown: Channel[Frame] = Channel(LIVE_DEPTH, lossy=True)  # frames for the motion stage
        finders = [sink for sink in sinks.values() if isinstance(sink, OnDemandFinder)]
        recording = None if source.live else RecordingClock()
        self._stage = TrackStage(tracker, self.commands, finders, first, clock_ns, recording, self._motion)
        self._acquire = acquire
        self._clock_ns = clock_ns
        self._frames: Channel[Frame] = Channel(LIVE_DEPTH if source.live else RECORDED_DEPTH, lossy=source.live)
        queues = [self._frames] if self._motion is None else [self._shown, self._frames]
        self._capture = CaptureStage(source, queues, self.outputs, limits.fps)
        self._errors, self._stopping = list[BaseException](), False

    @property
    def figures(self) -> TrackFigures:
        """What the model tracked so far; immutable, for any thread."""
        return self.outputs.track_meter.figures

    @property
    def result_figures(self) -> ResultFigures:
        """What was published so far; immutable, for any thread."""
        return self.outputs.result_meter.figures

    @property
    def source_figures(self) -> SourceFigures:
        """What the source gave so far; immutable, for any thread."""
        return self.outputs.source_meter.figures

    @property
    def captured(self) -> int:
        return self.source_figures.captured

    @property
    def dropped(self) -> int:
        """Captured frames that have no result."""
        return self._frames.dropped if self._motion is None else self._shown.dropped

    @property
    def dropped_by_sink(self) -> dict[str, int]:
        """Results that a live run's sinks were too slow for."""
        return self.outputs.dropped

    @property
    def lost_by_sink(self) -> dict[str, int]:
        """What sinks could not write while the run went on: events, clips, results of a sink that failed."""
        return self.outputs.lost

    def run(self) -> None:
        """Run until the source ends, a limit is reached, `stop` is called or a stage fails; raise the first failure."""
        capture, track = self._start("capture", self._capture.run), self._start("track", self._track)
        others = [self._start(f"write {name}", writer.run) for name, writer in self.outputs.writers.items()]
        motion = [] if self._motion is None else [self._start("motion", self._carry)]
        deadline = math.inf if self.limits.seconds is None else time.monotonic() + self.limits.seconds
        try:
            while track.running and not self._stopping:  # it ends when the source ends, and when a sink fails
                track.join(POLL_S)
                if time.monotonic() > deadline:
                    self._abort()
        finally:
            self._frames.abort()
            self._shown.close()  # what was captured before the end is still shown
            self.source.close()
            self._end([track, *motion], [*others, capture])
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """End capture and tracking soon; results so far are still written, and every sink is closed."""
        self._stopping = True
        self._abort()

    def status(self) -> dict[str, Any]:
        """The state of a running pipeline, as plain values."""
        return status_of(self, self._clock_ns())

    @property
    def paused(self) -> bool:
        return self._stage.paused

    @property
    def overload(self) -> Overload | None:
        """The step of the ladder on which the run is; None where no masks are carried."""
        if self._motion is None:
            return None
        if self._motion.is_selecting:
            return "shares"
        return "carried" if self.result_figures.newest_from == "motion" else "none"

    def _abort(self) -> None:
        self._frames.abort()
        self._shown.abort()

    def _start(self, name: str, stage: Callable[[], None]) -> Background:
        return background(name, lambda: self._guard(stage))

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(Closed):  # a neighbour ended; so does this stage
                stage()
        except BaseException as error:  # noqa: BLE001 - raised again in run(), with its traceback
            self._errors.append(error)
            self._abort()

    def _end(self, first: Sequence[Background], others: Sequence[Background]) -> None:
        """Wait for the stages; where tracking is blocked, sinks still write the results so far."""
        join_all(first, STEP_TIMEOUT_S if self._stopping else FINISH_TIMEOUT_S)
        self.outputs.close()
        join_all(others, STOP_TIMEOUT_S if self._stopping else FINISH_TIMEOUT_S)

    def _track(self) -> None:
        try:
            for frame in self._frames:
                result = self._step(frame)
                if self._motion is not None:
                    self._motion.answer(result, self._stage.object_ids, self._stage.acknowledgements)
                elif result is not None:
                    self.outputs.put_result(result)
                if result is None:
                    continue
                self.outputs.put_model_result(result)
                if self.figures.tracked == self.limits.frames:
                    break
        finally:
            self._frames.abort()
            self.commands.close()
            if self._motion is None:
                self.outputs.close()
            else:
                self._motion.answers.close()
            self._stage.reject_all("the stream has ended")
            if isinstance(self.tracker, Persistent):
                self.tracker.save()

    def _step(self, frame: Frame) -> TrackResult | None:
        """Track the newest frame; the engine is held only where it is needed."""
        self._stage.collect()
        if not self._stage.needs_engine:
            return self._stage.step(frame, self._frames.dropped, collect=False)
        with self._acquire():
            return self._stage.step(self._frames.newer(frame), self._frames.dropped)

    def _carry(self) -> None:
        """Publish a result for every captured frame, with the model's masks or carried ones."""
        assert self._motion is not None
        try:
            for frame in self._shown:
                result = self._motion.step(frame, self._shown.dropped, lambda: self._stage.paused)
                if result is not None:
                    self.outputs.put_result(result)
                    self._motion.acknowledge(frame)
        finally:
            self._motion.close()
            self._abort()
