"""Capture, track and write: the wiring of the stages, each in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamer.channel import Channel, Closed
from streamer.config.settings import PrivacySettings, ZoneSettings
from streamer.events.object_state import ObjectStates
from streamer.events.types import Event, SourceEvent
from streamer.events.zones import Zones
from streamer.pipeline.meter import SourceFigures, SourceMeter, TrackFigures, TrackMeter
from streamer.pipeline.privacy import PrivacyFilter
from streamer.pipeline.recording_clock import RecordingClock
from streamer.pipeline.sink_writer import SinkWriter
from streamer.pipeline.track_stage import TrackStage
from streamer.ports import AnySink, CountsLateFrames, HasStreamInfo, OnDemandFinder, Persistent, Source, Tracker
from streamer.process.threads import Background, background, join_all
from streamer.rate_limit import FrameThrottle
from streamer.types import Command, Frame, Request, TrackResult

log = logging.getLogger(__name__)

LIVE_DEPTH = 1  # the newest frame wins: at 60 fps in and 25 ms a step a result is 34 ms old at 1, 549 ms at 32
RECORDED_DEPTH = 8
COMMAND_DEPTH = 64
STEP_TIMEOUT_S = 1.0  # for the step that is running when the pipeline is told to stop
STOP_TIMEOUT_S = 1.2  # for the other stages then; one that misses it is abandoned with what it holds
FINISH_TIMEOUT_S = 60.0  # for sinks to write what is left after a source has ended
POLL_S = 0.05
LOG_LEVELS = {"lost": logging.WARNING, "jumped": logging.WARNING, "occluded": logging.DEBUG}  # other events: INFO


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
        privacy: PrivacySettings | None = None,
        acquire: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.source = source
        self.tracker = tracker
        self.limits = limits
        self._source_meter, self._track_meter = SourceMeter(), TrackMeter()
        self.commands: Channel[Request] = Channel(COMMAND_DEPTH) if commands is None else commands
        self._writers = {name: SinkWriter(sink, lossy=source.live) for name, sink in sinks.items()}
        finders = [sink for sink in sinks.values() if isinstance(sink, OnDemandFinder)]
        recording = None if source.live else RecordingClock()
        self._stage = TrackStage(tracker, self.commands, finders, first, clock_ns, recording)
        self._object_states = ObjectStates()
        self._zones = Zones(zones)
        self._privacy = None if privacy is None else PrivacyFilter(privacy)
        self._acquire = acquire
        self._clock_ns = clock_ns
        self._frames: Channel[Frame] = Channel(LIVE_DEPTH if source.live else RECORDED_DEPTH, lossy=source.live)
        self._errors: list[BaseException] = []
        self._stopping = False

    @property
    def figures(self) -> TrackFigures:
        """What was tracked so far; immutable, for any thread."""
        return self._track_meter.figures

    @property
    def source_figures(self) -> SourceFigures:
        """What the source gave so far; immutable, for any thread."""
        return self._source_meter.figures

    @property
    def captured(self) -> int:
        return self.source_figures.captured

    @property
    def dropped(self) -> int:
        """Frames that were captured and never tracked."""
        return self._frames.dropped

    @property
    def dropped_by_sink(self) -> dict[str, int]:
        """Results that a live run's sinks were too slow for."""
        return {name: writer.dropped for name, writer in self._writers.items()}

    @property
    def lost_by_sink(self) -> dict[str, int]:
        """What sinks could not write while the run went on: events, clips, results of a sink that failed."""
        return {name: writer.lost for name, writer in self._writers.items()}

    def run(self) -> None:
        """Run until the source ends, a limit is reached, `stop` is called or a stage fails; raise the first failure."""
        capture, track = self._start("capture", self._capture), self._start("track", self._track)
        writers = [self._start(f"write {name}", writer.run) for name, writer in self._writers.items()]
        deadline = math.inf if self.limits.seconds is None else time.monotonic() + self.limits.seconds
        try:
            while track.running and not self._stopping:  # it ends when the source ends, and when a sink fails
                track.join(POLL_S)
                if time.monotonic() > deadline:
                    self._frames.abort()
        finally:
            self._frames.abort()
            self.source.close()
            self._end(track, [*writers, capture])
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """End capture and tracking soon; results so far are still written, and every sink is closed."""
        self._stopping = True
        self._frames.abort()

    def status(self) -> dict[str, Any]:
        """The state of a running pipeline, as plain values."""
        given, tracked = self.source_figures, self.figures
        nominal_fps = self.source.nominal_fps if isinstance(self.source, HasStreamInfo) else None
        return {
            "source": self.source.name,
            "frames_captured": given.captured,
            "frames_tracked": tracked.tracked,
            "frames_dropped": self.dropped,
            "frames_skipped": given.skipped,
            "frames_late": self.source.late if isinstance(self.source, CountsLateFrames) else 0,
            "dropped_by_sink": self.dropped_by_sink,
            "lost_by_sink": self.lost_by_sink,
            "paused": self._stage.paused,
            "events": dict(given.events),
            "last_event": given.last_event,
            "quality": given.quality(self._clock_ns(), nominal_fps),
            **tracked.summary(),
        }

    def _start(self, name: str, stage: Callable[[], None]) -> Background:
        return background(name, lambda: self._guard(stage))

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(Closed):  # a neighbour ended; so does this stage
                stage()
        except BaseException as error:  # noqa: BLE001 - raised again in run(), with its traceback
            self._errors.append(error)
            self._frames.abort()

    def _end(self, track: Background, others: Sequence[Background]) -> None:
        """Wait for the stages; where tracking is blocked, sinks still write the results so far."""
        track.join(STEP_TIMEOUT_S if self._stopping else FINISH_TIMEOUT_S)
        for writer in self._writers.values():
            writer.close()
        join_all(others, STOP_TIMEOUT_S if self._stopping else FINISH_TIMEOUT_S)

    def _capture(self) -> None:
        try:
            throttle = FrameThrottle(self.limits.fps) if self.limits.fps is not None and self.source.live else None
            for item in self.source:
                if isinstance(item, SourceEvent):
                    self._publish(item)
                    continue
                self._source_meter.capture(item.captured_ns)
                if throttle is None or throttle.take(item.captured_ns / 1e9):
                    self._frames.put(item)
                else:
                    self._source_meter.skip()
        finally:
            self._frames.close()
            self.source.close()

    def _track(self) -> None:
        try:
            for frame in self._frames:
                with self._acquire():
                    result = self._stage.step(self._frames.newer(frame), self.dropped)
                if result is None:
                    continue
                self._put(result)
                self._track_meter.update(result, self._clock_ns())
                events: list[Event] = [*self._object_states.update(result), *self._zones.update(result)]
                for event in events:
                    self._publish(event)
                if self.figures.tracked == self.limits.frames:
                    break
        finally:
            self._frames.abort()
            self.commands.close()
            for writer in self._writers.values():
                writer.close()
            self._stage.reject_all("the stream has ended")
            if isinstance(self.tracker, Persistent):
                self.tracker.save()

    def _put(self, result: TrackResult) -> None:
        """Before every sink; only finders, whose detections are boxes, get the frame with nothing hidden."""
        shown = result if self._privacy is None else self._privacy.apply(result)
        for writer in self._writers.values():
            writer.put_result(result if writer.is_finder else shown)

    def _publish(self, event: Event) -> None:
        """Log an event, count it, and put it before every sink that takes events."""
        log.log(LOG_LEVELS.get(event.kind, logging.INFO), "%s: %s", event.source, event.message)
        if isinstance(event, SourceEvent):
            self._source_meter.count(event)
        for writer in self._writers.values():
            writer.put_event(event)
