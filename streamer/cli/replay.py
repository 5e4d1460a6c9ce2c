"""`streamer replay`: a recorded run shown or published again, or tracked again and compared."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.cli.progress import Progress
from streamer.config.load import checked
from streamer.config.settings import ModelSettings, TrackingSettings
from streamer.errors import UsageError
from streamer.events.types import Event
from streamer.pipeline.signals import stopped_by_signals
from streamer.replay.compare import Comparison, compare
from streamer.replay.play import Section, play
from streamer.service.build import build_engine, build_sinks, weights_of
from streamer.sinks.optional import need
from streamer.types import TrackResult

if TYPE_CHECKING:
    from streamer.replay.run_log import RunLog  # which needs the package mcap

log = logging.getLogger("streamer")
DEFAULT_SINK = "mjpeg:127.0.0.1:8080"


def replay(args: argparse.Namespace) -> int:
    """0; with --track 1 where a mask differs, or the file breaks off."""
    need("foxglove", "mcap")
    from streamer.replay.run_log import open_run

    logs = [open_run(Path(name)) for name in args.files]
    if args.speed < 0:
        raise UsageError(f"--speed {args.speed:g}: write 1 for the run's own pace, 2 for twice that, 0 for no pause")
    status = _track_again(args, logs) if args.track else _play(args, logs)
    for run in logs:
        if run.broken:
            log.warning("%s; what comes before it is used", run.broken)
    return max(status, int(any(run.broken for run in logs)))


def items_of(logs: Sequence[RunLog]) -> Iterator[TrackResult | Event]:
    for run in logs:
        yield from run.items()


def _play(args: argparse.Namespace, logs: Sequence[RunLog]) -> int:
    section = Section(args.start, args.end, args.speed)
    stopped: list[bool] = []
    with contextlib.ExitStack() as opened:
        sinks = list(build_sinks(args.sink or [DEFAULT_SINK], opened).values())
        if not args.sink:
            log.info("showing the run at http://127.0.0.1:8080/")
        with stopped_by_signals(lambda: stopped.append(True)):
            count = play(items_of(logs), sinks, section, stopped=lambda: bool(stopped))
    if args.json:
        print(json.dumps({"frames": count, "broken": [run.broken for run in logs]}))
    else:
        log.info("%d frames", count)
    return 0


def _track_again(args: argparse.Namespace, logs: Sequence[RunLog]) -> int:
    about = logs[0].about
    if about.images == "none":
        raise UsageError(f"{logs[0].path}: has no images, so it cannot be tracked again; record with ?images=png")
    settings = about.settings
    wanted = {name: getattr(args, name) for name in ("model", "device", "runtime") if getattr(args, name) is not None}
    chosen = settings["model"] | ({"id": wanted.pop("model")} if "model" in wanted else {}) | wanted
    engine = build_engine(checked(ModelSettings, chosen, "model"))
    tracker = engine.tracker(checked(TrackingSettings, settings["tracking"], "tracking"))
    _warn(about.model, tracker.describe() | weights_of(tracker))
    if about.images != "png":
        log.warning("the images are %s, which is not exact: masks may differ; record with ?images=png", about.images)
    results = (item for item in items_of(logs) if isinstance(item, TrackResult))
    with Progress() as bar:
        found = compare(results, tracker, bar.update)
    _report(found, as_json=args.json)
    return int(found.first is not None)


def _warn(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Say what differs between the model of the run and the model now."""
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            log.warning("model: %s was %s and is %s now", name, then.get(name), now.get(name))


def _report(found: Comparison, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(found)))
    elif found.first is None:
        log.info("%d frames, %d commands: all %d masks are the same", found.frames, found.commands, found.masks)
    else:
        first = found.first
        log.info("frame %d is the first that differs: object %d %s", first.index, first.object_id, first.what)
        log.info("%d of %d frames differ; worst IoU %.4f", found.differing_frames, found.frames, found.worst_iou)
