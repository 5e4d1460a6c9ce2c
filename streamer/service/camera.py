"""Several cameras on one engine: each a pipeline of its own that can fail, pause and change alone."""

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

from streamer.bus.curve import ServerKeys
from streamer.channel import Channel, Closed
from streamer.config.prompts import build
from streamer.config.settings import CameraSettings, ModelSettings, PromptSettings
from streamer.errors import CommandError, StreamerError
from streamer.pipeline.pipeline import COMMAND_DEPTH, Limits, Pipeline
from streamer.ports import Sink, Source, Tracker
from streamer.service.build import open_sinks, prompter, snapshot_of, source_of, tracker_of, truth_of, zones_of
from streamer.service.control import controlled
from streamer.service.fair_queue import FairQueue
from streamer.sources.watch import WatchedSource
from streamer.types import Ack, Command, Pause, Request, Resume
from streamer.uris import redact

if TYPE_CHECKING:
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.tracker import StreamingTracker

log = logging.getLogger(__name__)
WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # before a pipeline that failed begins again
STABLE_S = 60.0  # after which it counts as well again
GRACE_S = 2.5  # for a pipeline to end; it gives its stages 2.2 s
State = Literal["running", "failed", "ended", "stopped"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all cameras use."""

    engine: Engine
    model: ModelSettings
    fair_queue: FairQueue = field(default_factory=FairQueue)
    keys: ServerKeys | None = None
    watching: Callable[[Camera], Mapping[str, Sink]] = lambda _: {}  # sinks beside a camera's own


@dataclass(slots=True)
class Look:
    """How an object is called and drawn."""

    name: str | None = None
    colour: str | None = None  # #rrggbb


class Camera:
    """A pipeline that begins again where it fails. Its objects stay, whatever happens to it."""

    def __init__(self, name: str, settings: CameraSettings, shared: Shared, before: Camera | None = None) -> None:
        """It takes over the objects of `before`, whose place it takes, where both track by the same settings."""
        self.name = name
        self.settings = settings
        self.state: State = "stopped"
        self.error: str | None = None
        self.pipeline: Pipeline | None = None
        self.paused: bool = before is not None and before.paused
        self.looks: dict[int, Look] = {} if before is None else before.looks
        self._shared = shared
        self._tracker: StreamingTracker
        self._prompts: tuple[PromptSettings, ...]
        if before is not None and before.settings.tracking == settings.tracking:
            self._tracker, self._prompts = before._tracker, before._prompts
        else:
            self._tracker, self._prompts = tracker_of(shared.engine, settings.tracking), settings.prompts
        self._source: Source | None = None if before is None else before._source
        self._highest: int = 0 if before is None else before._highest
        self._told = threading.Event()
        self._opened: contextlib.ExitStack | None = None  # what is to be closed after the pipeline
        self._thread = threading.Thread(target=self._keep, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        self.state = "running"
        self._thread.start()

    def request_stop(self) -> None:
        """Have it end soon; what was tracked is still written."""
        self._told.set()
        if self.pipeline is not None:
            self.pipeline.stop()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End it, or leave it behind with what it is blocked in."""
        self.request_stop()
        if self._thread.ident is not None:
            self._thread.join(grace_s)
        self.state = "stopped"

    def send(self, *commands: Command) -> Future[Ack]:
        """Have commands take effect on the next frame, all or none; the future may raise CommandError."""
        future: Future[Ack] = Future()
        request = Request(commands, partial(self._answered, future, commands))
        try:
            if self.pipeline is None:
                raise Closed
            if not self.pipeline.commands.offer(request):
                raise CommandError("too many commands are waiting; send fewer, or wait for answers")
        except Closed:
            raise CommandError(f"camera {self.name} is not running: {self.error or self.state}") from None
        return future

    def new_id(self) -> int:
        """An object id that was not given before."""
        there = () if self.pipeline is None else tuple(self.pipeline.meter.objects)
        self._highest = max(self._highest, 0, *there) + 1
        return self._highest

    @property
    def is_live(self) -> bool:
        """Whether pictures come, and are of now."""
        if self.pipeline is None or self.state != "running":
            return False
        captured_ns = self.pipeline.meter.quality.captured_ns
        return bool(captured_ns) and time.monotonic_ns() - captured_ns[-1] <= self.settings.source.stall_s * 1e9

    def status(self) -> dict[str, Any]:
        """What may be said of it to anybody who may see it: addresses are without their passwords."""
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
        }

    def _answered(self, future: Future[Ack], commands: tuple[Command, ...], ack: Ack) -> None:
        """Called in the tracking thread."""
        if ack.error is not None:
            future.set_exception(CommandError(ack.error))
            return
        for command in commands:
            self.paused = isinstance(command, Pause) or (self.paused and not isinstance(command, Resume))
        future.set_result(ack)

    def _keep(self) -> None:
        """Run, and where that fails, begin again."""
        failures = 0
        while not self._told.is_set():
            began = time.monotonic()
            try:
                self._run()
            except Exception as error:  # noqa: BLE001 - a camera fails alone
                self._failed(error)
            else:
                self.state = "ended"
                return
            failures = 1 if time.monotonic() - began > STABLE_S else failures + 1
            self._told.wait(WAITS_S[min(failures, len(WAITS_S)) - 1])

    def _run(self) -> None:
        opened = self._opened or self.open()
        self.state, self._opened = "running", None
        with opened:
            assert self.pipeline is not None
            self.pipeline.run()

    def _failed(self, error: Exception) -> None:
        self.state, self.error = "failed", redact(str(error))
        level = logging.ERROR if isinstance(error, StreamerError) else logging.CRITICAL
        log.log(level, "camera %s: %s", self.name, self.error, exc_info=not isinstance(error, StreamerError))

    def open(self) -> contextlib.ExitStack:
        """Open everything for `start`; raises UsageError, SourceError or SinkError."""
        settings, shared = self.settings, self._shared
        with contextlib.ExitStack() as opened, contextlib.ExitStack() as unused:
            source = source_of(settings.source.model_copy(update={"name": self.name}))
            unused.callback(source.close)
            if isinstance(source, WatchedSource) and isinstance(self._source, WatchedSource):
                source.follow(self._source)
            first: list[Command] = [*build(self._prompts, truth_of(source))]
            sinks = open_sinks(settings.sinks, unused, shared.keys)
            commands: Channel[Request] = Channel(COMMAND_DEPTH)
            if settings.find is not None:
                sinks["find"] = prompter(settings.find, shared.model, commands)
            self._tracker.interrupt()
            self.pipeline = Pipeline(
                source,
                self._lasting(),
                sinks | dict(shared.watching(self)),
                first=[*first, Pause()] if self.paused else first,
                limits=Limits(fps=settings.max_fps),
                commands=commands,
                zones=zones_of(settings.zones),
                turn=partial(shared.fair_queue.acquire, self.name, settings.priority),
            )
            opened.enter_context(controlled(self.pipeline, settings.control, shared.keys))
            unused.pop_all()  # each is closed by the stage that works on it
            self._prompts, self._source = (), source
            self._opened = opened.pop_all()
        return self._opened

    def _lasting(self) -> Tracker:
        """The tracker, with its objects in a file where the settings name one."""
        return self._tracker if self.settings.state is None else snapshot_of(self._tracker, self.settings.state)
