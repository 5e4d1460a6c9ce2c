"""Capture, track and write, each in a thread of its own; the only module that starts threads for them."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamer.channel import Channel, Closed
from streamer.errors import CommandError
from streamer.events.object_state import Lifecycle
from streamer.events.types import Event, SourceEvent
from streamer.events.zones import Zone, Zones
from streamer.pipeline.meter import Meter
from streamer.ports import CountsLateFrames, EventSink, HasStreamInfo, OnDemandFinder, Persistent, Sink, Source, Tracker
from streamer.rate_limit import FrameThrottle
from streamer.types import Ack, Command, Find, Frame, Pause, Request, Resume, TrackResult

log = logging.getLogger(__name__)

LIVE_DEPTH = 1  # the newest frame wins: at 60 fps in and 25 ms a step a result is 34 ms old at 1, 549 ms at 32
RECORDED_DEPTH = 8
SINK_DEPTH = 8
COMMAND_DEPTH = 64
SLICE_S = 0.05  # the main thread waits in slices: a bare join misses Ctrl-C now and then
STEP_S = 1.0  # for the step that is under way when a pipeline is told to stop
GRACE_S = 1.2  # for the other stages to end then; one that is blocked is left behind with what it holds
LEVELS = {"lost": logging.WARNING, "jumped": logging.WARNING, "occluded": logging.DEBUG}  # of events; others: INFO
FINISH_S = 60.0  # for sinks to write what is left after a source has ended


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run ends by itself, and how fast it goes; None is no limit."""

    frames: int | None = None
    seconds: float | None = None
    fps: float | None = None  # no end, but pictures a second of a live source that are tracked at most


class Pipeline:
    """One source through one tracker to any number of sinks.

    `first` takes effect on the first frame; what arrives in `commands`, a channel that sinks may share, on the frame
    that is tracked next. Pipelines that share an engine track in fair_queue: each step is inside a `turn()`.
    """

    def __init__(
        self,
        source: Source,
        tracker: Tracker,
        sinks: Mapping[str, Sink],
        *,
        first: Sequence[Command] = (),
        limits: Limits = Limits(),
        commands: Channel[Request] | None = None,
        zones: Sequence[Zone] = (),
        turn: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.source = source
        self.tracker = tracker
        self.sinks = dict(sinks)
        self._finders = [sink for sink in self.sinks.values() if isinstance(sink, OnDemandFinder)]
        self.limits = limits
        self.meter = Meter()
        self._lifecycle = Lifecycle()
        self._zones = Zones(zones)
        self.captured = 0
        self.skipped = 0  # frames above the limit of pictures a second
        self.commands: Channel[Request] = Channel(COMMAND_DEPTH) if commands is None else commands
        self._first = tuple(first)
        self._turn = turn
        self._clock_ns = clock_ns
        self._frames: Channel[Frame] = Channel(LIVE_DEPTH if source.live else RECORDED_DEPTH, lossy=source.live)
        self._results: dict[str, Channel[TrackResult | Event]] = {
            name: Channel(SINK_DEPTH, lossy=source.live) for name in self.sinks
        }
        self._errors: list[BaseException] = []
        self._waiting: list[Request] = []
        self._paused = False
        self._last: Frame | None = None
        self._told_to_stop = False

    @property
    def dropped(self) -> int:
        """Frames that were captured and never tracked."""
        return self._frames.dropped

    @property
    def dropped_by_sink(self) -> dict[str, int]:
        """Results that a live run's sinks were too slow for."""
        return {name: channel.dropped for name, channel in self._results.items()}

    def run(self) -> None:
        """Run until the source ends, a limit is reached, `stop` is called or a stage fails; raise the first failure."""
        stages: dict[str, Callable[[], None]] = {"capture": self._capture, "track": self._track}
        stages |= {f"write {name}": lambda name=name: self._write(name) for name in self.sinks}  # type: ignore[misc]
        capture, track, *writers = [self._start(name, stage) for name, stage in stages.items()]
        deadline = math.inf if self.limits.seconds is None else time.monotonic() + self.limits.seconds
        try:
            while track.is_alive() and not self._told_to_stop:  # it ends when the source ends, and when a sink fails
                track.join(SLICE_S)
                if time.monotonic() > deadline:
                    self._frames.abort()
        finally:
            self._frames.abort()
            self.source.close()
            self._end(track, [*writers, capture])
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """End capture and tracking soon; what was tracked is still written, and every sink is closed."""
        self._told_to_stop = True
        self._frames.abort()

    def status(self) -> dict[str, Any]:
        """What a user may ask a running pipeline."""
        quality = self.meter.quality
        if isinstance(self.source, HasStreamInfo):
            quality.nominal_fps = self.source.nominal_fps
        return {
            "source": self.source.name,
            "frames_captured": self.captured,
            "frames_tracked": self.meter.tracked,
            "frames_dropped": self.dropped,
            "frames_skipped": self.skipped,
            "frames_late": self.source.late if isinstance(self.source, CountsLateFrames) else 0,
            "dropped_by_sink": self.dropped_by_sink,
            "paused": self._paused,
            "events": dict(self.meter.events),
            "last_event": self.meter.last_event,
            "quality": quality.summary(self._clock_ns()),
            **self.meter.summary(),
        }

    def _end(self, track: threading.Thread, others: Sequence[threading.Thread]) -> None:
        """Wait for the stages; where tracking is blocked, sinks write what it has given them."""
        _join([track], STEP_S if self._told_to_stop else FINISH_S)
        for channel in self._results.values():
            channel.close()
        _join(others, GRACE_S if self._told_to_stop else FINISH_S)

    def _start(self, name: str, stage: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(stage,), name=name, daemon=True)
        thread.start()
        return thread

    def _guard(self, stage: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(Closed):  # a neighbour ended; so do we
                stage()
        except BaseException as error:  # noqa: BLE001 - raised again in run(), with its traceback
            self._errors.append(error)
            self._frames.abort()

    def _capture(self) -> None:
        try:
            due = FrameThrottle(self.limits.fps) if self.limits.fps is not None and self.source.live else None
            for item in self.source:
                if isinstance(item, SourceEvent):
                    self._announce(item)
                    continue
                self.captured += 1
                self.meter.quality.captured_ns.append(item.captured_ns)
                if due is None or due.take(item.captured_ns / 1e9):
                    self._frames.put(item)
                else:
                    self.skipped += 1
        finally:
            self._frames.close()
            self.source.close()

    def _announce(self, event: Event) -> None:
        """Say it, count it, and tell the sinks that want to know."""
        log.log(LEVELS.get(event.kind, logging.INFO), "%s: %s", event.source, event.message)
        if isinstance(event, SourceEvent):
            self.meter.count(event)
        for name, channel in self._results.items():
            if isinstance(self.sinks[name], EventSink):
                with contextlib.suppress(Closed):
                    channel.put(event)

    def _track(self) -> None:
        try:
            for frame in self._frames:
                with self._turn():
                    result = self._step(self._frames.newer(frame))
                if result is None:
                    continue
                for channel in self._results.values():
                    channel.put(result)
                self.meter.update(result, self._clock_ns())
                events: list[Event] = [*self._lifecycle.update(result), *self._zones.update(result)]
                for event in events:
                    self._announce(event)
                if self.meter.tracked == self.limits.frames:
                    break
        finally:
            self._frames.abort()
            self.commands.close()
            for channel in self._results.values():
                channel.close()
            self._refuse("the stream has ended")
            if isinstance(self.tracker, Persistent):
                self.tracker.save()

    def _write(self, name: str) -> None:
        sink, results = self.sinks[name], self._results[name]
        try:
            for item in results:
                if isinstance(item, TrackResult):
                    sink.write(item)
                elif isinstance(sink, EventSink):
                    sink.notify(item)
        finally:
            results.abort()
            sink.close()

    def _step(self, frame: Frame) -> TrackResult | None:
        """Apply what was asked for to this frame and track it; None while paused."""
        accepted = self._accept(frame)
        first, self._first = self._first, ()
        commands = (*first, *(command for request in accepted for command in request.commands))
        self._paused = paused(self._paused, commands)
        started_ns = self._clock_ns()
        if any(isinstance(command, Find) for command in commands):
            for finder in self._finders:
                finder.now()
        asked = _tracking(commands)
        idle = self._paused and not asked  # what was asked for together with a pause comes before it
        tracks = () if idle else self.tracker.track(frame, asked)
        tracked_ns = self._clock_ns()
        for request in accepted:
            request.reply(Ack(index=frame.index, epoch=frame.epoch))
        if idle:
            return None
        last, self._last = self._last or frame, frame
        return TrackResult(
            frame=frame,
            tracks=tracks,
            dropped=self.dropped,
            gap_frames=max(0, frame.index - last.index - 1),
            gap_s=(frame.captured_ns - last.captured_ns) / 1e9,
            tracked_ns=tracked_ns,
            timings_ms={
                "queue": (started_ns - frame.captured_ns) / 1e6,
                "track": (tracked_ns - started_ns) / 1e6,
            },
        )

    def _accept(self, frame: Frame) -> list[Request]:
        """The waiting requests that can take effect on this frame; the others are refused, or wait for the next."""
        accepted: list[Request] = []
        later: list[Request] = []
        prompted = {command.object_id for command in self._first if hasattr(command, "object_id")}
        for request in self._waiting + self.commands.drain():
            if later or request.prompted_ids & prompted:
                later.append(request)  # one prompt for an object on a frame; the order of requests is kept
                continue
            before = [*self._first, *(command for earlier in accepted for command in earlier.commands)]
            try:
                if paused(self._paused, (*before, *request.commands)) and not all(map(_switches, request.commands)):
                    raise CommandError("tracking is paused; send resume first")
                if not self._finders and any(isinstance(command, Find) for command in request.commands):
                    raise CommandError("this run has nothing that finds objects; start it with --find")
                self.tracker.check(frame, _tracking((*before, *request.commands)))
            except CommandError as error:
                request.reply(Ack(error=str(error)))
                continue
            accepted.append(request)
            prompted |= request.prompted_ids
        self._waiting = later
        return accepted

    def _refuse(self, why: str) -> None:
        for request in self._waiting + self.commands.drain():
            request.reply(Ack(error=why))


def _join(threads: Sequence[threading.Thread], grace_s: float) -> None:
    """Wait for threads in slices, in all no longer than `grace_s`; one that is blocked beyond that is left behind."""
    deadline = time.monotonic() + grace_s
    for thread in threads:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(SLICE_S)


def _tracking(commands: Sequence[Command]) -> list[Command]:
    """Those that are for the tracker."""
    return [command for command in commands if not isinstance(command, Pause | Resume | Find)]


def _switches(command: Command) -> bool:
    return isinstance(command, Pause | Resume)


def paused(before: bool, commands: Sequence[Command]) -> bool:
    """Whether tracking is paused after these commands."""
    for command in commands:
        if _switches(command):
            before = isinstance(command, Pause)
    return before
