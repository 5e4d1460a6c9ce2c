"""From settings to the parts of a pipeline: the sources, trackers, finders and sinks that they name."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.bus.curve import ServerKeys
from streamer.channel import Channel
from streamer.config.settings import FindSettings, ModelSettings, SourceSettings, TrackingSettings, ZoneSettings
from streamer.edgetam import open_engine
from streamer.events.zones import Zone
from streamer.finders.auto_prompter import AutoPrompter, Choice
from streamer.ports import Finder, Sink, Source
from streamer.sinks import open_sink
from streamer.sources import open_watched
from streamer.sources.watch import Watch
from streamer.types import Request
from streamer.uris import redact

if TYPE_CHECKING:
    from streamer.edgetam.engine import Engine
    from streamer.edgetam.snapshot import Snapshot
    from streamer.edgetam.tracker import StreamingTracker

log = logging.getLogger(__name__)


def source_of(settings: SourceSettings) -> Source:
    watch = Watch(stall_s=settings.stall_s, frozen_s=settings.frozen_s, stale_s=settings.stale_s)
    return open_watched(settings.uri, name=settings.name, reconnect=settings.reconnect, watch=watch)


def engine_of(model: ModelSettings) -> Engine:
    return open_engine(model.id, size=model.size, device=model.device, runtime=model.runtime)


def tracker_of(engine: Engine, settings: TrackingSettings) -> StreamingTracker:
    from streamer.edgetam.rules import Rules

    return engine.tracker(Rules(**settings.model_dump()))


def snapshot_of(tracker: Any, file: Path) -> Snapshot:
    from streamer.edgetam.snapshot import Snapshot

    return Snapshot(tracker, file)


def prompter(settings: FindSettings, model: ModelSettings, commands: Channel[Request]) -> AutoPrompter:
    """What finds objects by itself; raises ModelError or UsageError."""
    min_score = {"automatic": 0.7, "motion": 0.2}.get(settings.by, 0.3)
    if settings.min_score is None:
        settings = settings.model_copy(update={"min_score": min_score})
    names = ("every_s", "min_score", "min_area", "max_area", "region", "covered", "most")
    choice = Choice(**{name: getattr(settings, name) for name in names})
    return AutoPrompter(finder_of(settings, model), commands, choice)


def finder_of(settings: FindSettings, model: ModelSettings) -> Finder:
    match settings.by:
        case "motion":
            from streamer.finders.motion import Motion

            return Motion()
        case "automatic":
            from streamer.edgetam import open_segmenter
            from streamer.edgetam.automatic import AutomaticMasks, Grid
            from streamer.edgetam.finders import AutomaticFinder

            grid = Grid(points_per_side=16, predicted_iou=settings.min_score or 0.0, stability=0.8)
            return AutomaticFinder(AutomaticMasks(open_segmenter(model.id, model.size, model.device), grid))
        case detector:
            from streamer.edgetam.finders import Detector

            return Detector(detector, settings.labels, threshold=settings.min_score or 0.0)


def truth_of(source: Source) -> Any:
    """The true masks on the first frame, where the source knows them."""
    scene = getattr(source, "scene", None)
    return None if scene is None else scene.truth(0)


def zones_of(settings: Sequence[ZoneSettings]) -> list[Zone]:
    return [Zone(zone.name, zone.points, zone.dwell_s) for zone in settings]


def open_sinks(uris: Sequence[str], opened: contextlib.ExitStack, keys: ServerKeys | None = None) -> dict[str, Sink]:
    """Sinks by their shown address; those already open are closed if one cannot be opened."""
    sinks: dict[str, Sink] = {}
    for uri in uris:
        sink = open_sink(uri, keys=keys)
        opened.callback(sink.close)
        name = redact(uri)
        sinks[name if name not in sinks else f"{name} ({len(sinks)})"] = sink
        if endpoint := getattr(sink, "endpoint", None):
            log.info("publishing on %s", endpoint)
    return sinks
