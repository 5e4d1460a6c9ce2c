"""From settings to a running pipeline: the only place where sources, trackers, finders and sinks are put together."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import streamer
from streamer.channel import Channel
from streamer.config.prompts import build_prompts
from streamer.config.settings import (
    FindSettings,
    KeySettings,
    ModelSettings,
    PipelineSettings,
    SourceSettings,
)
from streamer.config.stills import GridSettings
from streamer.edgetam import open_engine
from streamer.finders.auto_prompter import AutoPrompter
from streamer.masks import Mask
from streamer.pipeline.pipeline import COMMAND_DEPTH, Limits, Pipeline
from streamer.ports import AnySink, Finder, LiveTracker, NotesRun, SendsCommands, Source, Tracker, TrackerEngine
from streamer.rate_limit import Backoff
from streamer.sinks import open_sink
from streamer.sources import open_watched
from streamer.types import Command, Pause, Prompt, Request
from streamer.uris import redact

if TYPE_CHECKING:
    from streamer.bus.curve import ServerKeys

log = logging.getLogger(__name__)
NO_LIMITS = Limits()
VERSIONS = ("torch", "transformers", "openvino", "onnxruntime", "numpy")  # a mask may depend on them


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """What a pipeline is given beside its settings."""

    model: ModelSettings = field(default_factory=ModelSettings)  # of finders
    source: Source | None = None  # in place of the settings' source
    sinks: Mapping[str, AnySink] = field(default_factory=dict)  # beside the settings' sinks
    prompts: Sequence[Prompt] | None = None  # in place of the settings' prompts
    first: Sequence[Command] = ()  # on the first frame, before the prompts
    paused: bool = False  # from the first frame on
    limits: Limits = NO_LIMITS
    keys: ServerKeys | None = None
    acquire: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


def build_pipeline(
    settings: PipelineSettings, open_tracker: Callable[[], Tracker], wiring: Wiring = Wiring()
) -> Pipeline:
    """A pipeline, ready to run. Its stages close the source and the sinks; the tracker is opened after these.

    Raises UsageError, SourceError, SinkError or ModelError, with everything closed again that was opened here.
    """
    with contextlib.ExitStack() as opened:
        source = wiring.source or build_source(settings.source)
        opened.callback(source.close)
        prompts = wiring.prompts
        if prompts is None:
            prompts = build_prompts(settings.prompts, truth_of(source))
        sinks = build_sinks(settings.sinks, opened, wiring.keys)
        commands: Channel[Request] = Channel(COMMAND_DEPTH)
        tracker = open_tracker()
        if settings.find is not None:
            sinks["find"] = build_auto_prompter(settings.find, wiring.model, commands)
        for sink in sinks.values():
            if isinstance(sink, SendsCommands):
                sink.connect(commands)
        note_run([*sinks.values(), *wiring.sinks.values()], settings, wiring.model, tracker)
        limits = wiring.limits
        pipeline = Pipeline(
            source,
            tracker,
            sinks | dict(wiring.sinks),
            first=[*wiring.first, *without_restored(prompts, tracker), *([Pause()] if wiring.paused else [])],
            limits=Limits(limits.frames, limits.seconds, limits.fps or settings.max_fps),
            commands=commands,
            zones=settings.zones,
            privacy=settings.privacy,
            motion=settings.motion if settings.motion.enabled and not settings.tracking.exact else None,
            acquire=wiring.acquire,
        )
        opened.pop_all()  # the stages close them
        return pipeline


def build_source(settings: SourceSettings, backoff: Backoff | None = None) -> Source:
    """The source of the settings; a camera or stream among them is reconnected when it fails."""
    return open_watched(settings, backoff)


def build_engine(model: ModelSettings) -> TrackerEngine:
    """The weights of a model and the runtime for them; raises ModelError or UsageError."""
    return open_engine(model.id, size=model.size, device=model.device, runtime=model.runtime)


def build_tracker(engine: TrackerEngine, settings: PipelineSettings) -> LiveTracker:
    """A tracker; with the objects of the settings' state file, and writing to it, where there is one."""
    if settings.state is not None:
        return engine.persistent_tracker(settings.state, settings.tracking)
    return engine.tracker(settings.tracking)


def without_restored(prompts: Sequence[Prompt], tracker: Tracker) -> list[Prompt]:
    """The prompts of objects that the tracker did not restore from a state file, and that were not removed since."""
    settled: frozenset[int] = getattr(tracker, "settled_ids", frozenset())
    return [prompt for prompt in prompts if prompt.object_id not in settled]


def build_keys(settings: KeySettings | None) -> ServerKeys | None:
    """CURVE keys for sockets that other machines may connect to; raises UsageError."""
    if settings is None:
        return None
    from streamer.bus.curve import server_keys  # a run without sockets imports no zmq

    return server_keys(settings.secret, settings.clients)


def build_auto_prompter(settings: FindSettings, model: ModelSettings, commands: Channel[Request]) -> AutoPrompter:
    """A sink that prompts detections; raises ModelError or UsageError."""
    return AutoPrompter(build_finder(settings, model), commands, settings)


def build_finder(settings: FindSettings, model: ModelSettings) -> Finder:
    """The finder of a method: motion, automatic masks, or a detector's id or folder."""
    match settings.method:
        case "motion":
            from streamer.finders.motion import Motion

            return Motion()
        case "automatic":
            from streamer.edgetam import open_segmenter
            from streamer.edgetam.automatic import AutomaticMasks
            from streamer.edgetam.finders import AutomaticFinder

            grid = GridSettings(points_per_side=16, predicted_iou=settings.score_threshold, stability=0.8)
            return AutomaticFinder(AutomaticMasks(open_segmenter(model.id, model.size, model.device), grid))
        case detector:
            from streamer.edgetam.finders import Detector

            return Detector(detector, settings.labels, threshold=settings.score_threshold)


def build_sinks(
    uris: Sequence[str], opened: contextlib.ExitStack, keys: ServerKeys | None = None
) -> dict[str, AnySink]:
    """Sinks by their redacted address; `opened` closes them."""
    sinks: dict[str, AnySink] = {}
    for uri in uris:
        sink = open_sink(uri, keys=keys)
        opened.callback(sink.close)
        name = redact(uri)
        sinks[name if name not in sinks else f"{name} ({len(sinks)})"] = sink
        if endpoint := getattr(sink, "endpoint", None):
            log.info("publishing on %s", endpoint)
    return sinks


def note_run(sinks: Sequence[AnySink], settings: PipelineSettings, model: ModelSettings, tracker: Tracker) -> None:
    """Tell the sinks that write it down what this run is made of, without passwords."""
    listeners = [sink for sink in sinks if isinstance(sink, NotesRun)]
    if not listeners:
        return
    shown = settings.model_dump(mode="json") | {"model": model.model_dump(mode="json")}
    run = {
        "settings": redacted(shown),
        "model": tracker.describe() | weights_of(tracker),
        "versions": {name: version(name) for name in VERSIONS if find_spec(name)} | {"streamer": streamer.__version__},
    }
    for listener in listeners:
        listener.begin(run)


def redacted(value: Any) -> Any:
    """Plain values without the passwords in their texts."""
    if isinstance(value, dict):
        return {key: redacted(below) for key, below in value.items()}
    if isinstance(value, list):
        return [redacted(below) for below in value]
    return redact(value) if isinstance(value, str) else value


def weights_of(tracker: Tracker) -> dict[str, str]:
    """The fingerprint of a model's weights, where it has some."""
    fingerprint: Callable[[], str] | None = getattr(tracker, "fingerprint", None)
    return {} if fingerprint is None else {"weights": fingerprint()}


def truth_of(source: Source) -> Mapping[int, Mask] | None:
    """The true masks on the first frame, of a synthetic scene; None for other sources."""
    scene: Any = getattr(source, "scene", None)
    return None if scene is None else scene.truth(0)
