"""One of several cameras: a pipeline that restarts when it fails, and keeps its objects."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from streamer.channel import Closed
from streamer.config.prompts import build_prompts
from streamer.config.settings import CameraSettings, ModelSettings, PrivacySettings
from streamer.errors import CommandError, StreamerError
from streamer.pipeline.pipeline import Pipeline
from streamer.ports import AnySink, LiveTracker, Source, TrackerEngine
from streamer.process.threads import Background, background
from streamer.rate_limit import Backoff
from streamer.service.build import Wiring, build_pipeline, build_source, build_tracker, truth_of
from streamer.service.control import controlled
from streamer.service.fair_queue import FairQueue
from streamer.service.looks import Looks
from streamer.sources.watch import WatchedSource
from streamer.types import Ack, Command, Pause, Prompt, Request, Resume
from streamer.uris import redact

if TYPE_CHECKING:
    from streamer.bus.curve import ServerKeys

log = logging.getLogger(__name__)
STOP_TIMEOUT_S = 2.5  # for a pipeline to end; it gives its stages 2.2 s
State = Literal["running", "failed", "ended", "stopped"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all cameras use."""

    engine: TrackerEngine
    model: ModelSettings
    fair_queue: FairQueue = field(default_factory=FairQueue)
    keys: ServerKeys | None = None
    privacy: PrivacySettings | None = None  # of cameras that have none of their own
    extra_sinks: Callable[[Camera], Mapping[str, AnySink]] = lambda _: {}  # beside a camera's own


class Camera:
    """A pipeline that restarts, with back-off, whenever it fails. Its objects are kept."""

    def __init__(self, name: str, settings: CameraSettings, shared: Shared, before: Camera | None = None) -> None:
        """The camera takes the place of `before`, and its objects where both track by the same settings."""
        self.name = name
        self.settings = settings
        self.state: State = "stopped"
        self.error: str | None = None
        self.pipeline: Pipeline | None = None
        self.paused: bool = before is not None and before.paused
        is_same = before is not None and before.settings.state == settings.state
        self.looks: Looks = before.looks if before is not None and is_same else Looks(settings.state)
        self._shared = shared
        self._tracker: LiveTracker
        self._prompts: list[Prompt] | None = None  # of the settings, until a frame took them; None: not built yet
        if before is not None and _tracks_alike(before.settings, settings):
            self._tracker, self._prompts = before._tracker, before._prompts
        else:
            self._tracker = build_tracker(shared.engine, settings)
        self._source: Source | None = None if before is None else before._source
        self._stopping = threading.Event()
        self._opened: contextlib.ExitStack | None = None  # closed after the pipeline
        self._thread: Background | None = None

    def start(self) -> None:
        self.state = "running"
        self._thread = background(f"camera {self.name}", self._run_until_stopped)

    def request_stop(self) -> None:
        """Ask the pipeline to end soon; results so far are still written."""
        self._stopping.set()
        if self.pipeline is not None:
            self.pipeline.stop()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End the pipeline; past the timeout it is abandoned."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(timeout_s)
        self.state = "stopped"

    def send(self, *commands: Command) -> Future[Ack]:
        """Apply commands on the next frame, all or none; the future may raise CommandError.

        Cancelling the future before a frame took the commands withdraws them.
        """
        future: Future[Ack] = Future()
        request = Request(commands, partial(self._answer, future, commands), future.cancelled)
        try:
            if self.pipeline is None:
                raise Closed
            if not self.pipeline.commands.offer(request):
                raise CommandError("too many commands are waiting; send fewer, or wait for answers")
        except Closed:
            raise CommandError(f"camera {self.name} is not running: {self.error or self.state}") from None
        return future

    @property
    def is_live(self) -> bool:
        """Whether frames arrive, none of them older than `stall_s`."""
        if self.pipeline is None or self.state != "running":
            return False
        captured_ns = self.pipeline.source_figures.captured_ns
        return bool(captured_ns) and time.monotonic_ns() - captured_ns[-1] <= self.settings.source.stall_s * 1e9

    def status(self) -> dict[str, Any]:
        """The camera's state as plain values, with redacted addresses."""
        status = {} if self.pipeline is None else self.pipeline.status()
        return {
            **status,
            "name": self.name,
            "state": self.state,
            "error": self.error,
            "paused": self.paused,
            "live": self.is_live,
            "uri": redact(self.settings.source.uri),
            "max_fps": self.settings.max_fps,
            "priority": self.settings.priority,
            "hidden": None if self.settings.privacy is None else self.settings.privacy.hide,
        }

    def _answer(self, future: Future[Ack], commands: tuple[Command, ...], ack: Ack) -> None:
        """Called in the tracking thread."""
        if not future.set_running_or_notify_cancel():
            return  # nobody waits for the answer any more
        if ack.error is not None:
            future.set_exception(CommandError(ack.error))
            return
        for command in commands:
            self.paused = isinstance(command, Pause) or (self.paused and not isinstance(command, Resume))
        future.set_result(ack)

    def _run_until_stopped(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._run()
            except Exception as error:  # noqa: BLE001 - the thread's outermost frame: the camera fails alone
                self._record(error)
            else:
                self.state = "ended"
                return
            self._stopping.wait(backoff.failed(time.monotonic() - began))

    def _run(self) -> None:
        opened = self._opened or self.open()
        self.state, self.error, self._opened = "running", None, None
        pipeline = self.pipeline
        assert pipeline is not None
        with opened:
            try:
                pipeline.run()
            finally:
                if pipeline.figures.tracked:
                    self._prompts = []

    def _record(self, error: Exception) -> None:
        self.state, self.error = "failed", redact(str(error))
        expected = isinstance(error, StreamerError)
        level = logging.ERROR if expected else logging.CRITICAL
        log.log(level, "camera %s: %s", self.name, self.error, exc_info=not expected)

    def open(self) -> contextlib.ExitStack:
        """Open everything for `start`; raises UsageError, SourceError or SinkError."""
        settings, shared = self.settings, self._shared
        with contextlib.ExitStack() as opened:
            source = build_source(settings.source.model_copy(update={"name": self.name}))
            opened.callback(source.close)
            if isinstance(source, WatchedSource) and isinstance(self._source, WatchedSource):
                source.follow(self._source)
            if self._prompts is None:
                self._prompts = build_prompts(settings.prompts, truth_of(source))
            self._tracker.interrupt()
            wiring = Wiring(
                model=shared.model,
                source=source,
                sinks=shared.extra_sinks(self),
                prompts=self._prompts,
                paused=self.paused,
                keys=shared.keys,
                acquire=partial(shared.fair_queue.acquire, self.name, settings.priority),
            )
            self.pipeline = build_pipeline(settings, lambda: self._tracker, wiring)
            opened.enter_context(controlled(self.pipeline, settings.control, shared.keys))
            self._source = source
            self._opened = opened.pop_all()
        return self._opened


def _tracks_alike(one: CameraSettings, other: CameraSettings) -> bool:
    """Whether a tracker of one camera may go on for the other."""
    return one.tracking == other.tracking and one.state == other.state
