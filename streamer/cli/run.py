"""`streamer run`: one source through one tracker to sinks."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamer.bus.curve import server_keys
from streamer.channel import Channel, Closed
from streamer.cli import prompts as written
from streamer.config import load as config
from streamer.config.prompts import build
from streamer.pipeline.pipeline import COMMAND_DEPTH, Limits, Pipeline
from streamer.pipeline.signals import stopped_by_signals
from streamer.process.memory import resident_mb
from streamer.service.build import (
    engine_of,
    open_sinks,
    prompter,
    snapshot_of,
    source_of,
    tracker_of,
    truth_of,
    zones_of,
)
from streamer.service.control import controlled
from streamer.types import Request

log = logging.getLogger("streamer")
TERMINAL_LINE_S, LOG_LINE_S = 0.5, 5.0


def run(given: argparse.Namespace) -> int:
    settings = config.load(Path(given.config) if given.config else None, overrides(given))
    with contextlib.ExitStack() as opened, contextlib.ExitStack() as unused:
        source = source_of(settings.source)
        opened.callback(source.close)
        first = build(settings.prompts, truth_of(source))
        keys = None if settings.keys is None else server_keys(settings.keys.secret, settings.keys.clients)
        sinks = open_sinks(settings.sinks, unused, keys)
        tracker: Any = tracker_of(engine_of(settings.model), settings.tracking)
        state = None if settings.state is None else snapshot_of(tracker, settings.state)
        if state is not None:
            tracker, first = state, state.unprompted(first)
        commands: Channel[Request] = Channel(COMMAND_DEPTH)
        if settings.find is not None:
            sinks["find"] = prompter(settings.find, settings.model, commands)
        limits = Limits(settings.frames, settings.seconds, settings.max_fps)
        zones = zones_of(settings.zones)
        pipeline = Pipeline(source, tracker, sinks, first=first, limits=limits, commands=commands, zones=zones)
        model = tracker.describe()
        log.info(
            "model %s, %d x %d, %s on %s, %s", *(model[k] for k in ("id", "size", "size", "runtime", "device", "dtype"))
        )
        start_mb = resident_mb()
        opened.enter_context(stopped_by_signals(pipeline.stop))
        bound = opened.enter_context(controlled(pipeline, settings.control, keys))
        if bound:
            log.info("taking commands on %s", bound)
        unused.pop_all()  # each is closed by the stage that writes to it
        with progress(pipeline):
            pipeline.run()
        summary = summarise(pipeline, model, start_mb)
    report(summary, as_json=given.json)
    return 0


def overrides(given: argparse.Namespace) -> dict[str, Any]:
    """What the command line says, nested like the file."""
    changed: dict[str, Any] = {}
    source = {"uri": given.source, "reconnect": given.reconnect}
    if any(value is not None for value in source.values()):
        changed["source"] = {key: value for key, value in source.items() if value is not None}
    chosen = {"id": given.model, "size": given.size, "device": given.device, "runtime": given.runtime}
    if any(value is not None for value in chosen.values()):
        changed["model"] = {key: value for key, value in chosen.items() if value is not None}
    if tracking := config.tracking_of(given.tracking, exact=given.exact):
        changed["tracking"] = tracking
    if wanted := written.parse(given.box, given.point, given.mask):
        changed["prompts"] = wanted
    keys = {"secret": given.keys, "clients": given.clients}
    if any(value is not None for value in keys.values()):
        changed["keys"] = {key: value for key, value in keys.items() if value is not None}
    found = {"by": given.find, "labels": given.labels and given.labels.split(","), "every_s": given.every}
    if any(value is not None for value in found.values()):
        changed["find"] = {key: value for key, value in found.items() if value is not None}
    if given.sink:
        changed["sinks"] = given.sink
    for name in ("control", "state", "seconds", "frames"):
        if getattr(given, name) is not None:
            changed[name] = getattr(given, name)
    return changed


@contextlib.contextmanager
def progress(pipeline: Pipeline) -> Iterator[None]:
    """A line that renews itself on a terminal, a log line now and then elsewhere."""
    stop: Channel[None] = Channel(1)
    terminal = sys.stderr.isatty()

    def show() -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                try:
                    stop.get(TERMINAL_LINE_S if terminal else LOG_LINE_S)
                except Closed:
                    return
            line = pipeline.meter.line(pipeline.captured, pipeline.dropped)
            if terminal:
                print(f"\r{line:<110}", end="", file=sys.stderr, flush=True)
            else:
                log.info(line)

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.close()
        thread.join()
        if terminal:
            print(file=sys.stderr)


def summarise(pipeline: Pipeline, model: dict[str, Any], start_mb: float) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "frames_captured": pipeline.captured,
        "frames_tracked": pipeline.meter.tracked,
        "frames_dropped": pipeline.dropped,
        "dropped_by_sink": pipeline.dropped_by_sink,
        "events": dict(pipeline.meter.events),
        **pipeline.meter.summary(),
        "rss_mb": {"start": round(start_mb, 1), "end": round(resident_mb(), 1)},
        "model": model,
    }


def report(summary: dict[str, Any], *, as_json: bool) -> None:
    """One JSON object on stdout, or its figures in words on stderr."""
    if as_json:
        print(json.dumps(summary))
        return
    latency = summary["latency_ms"]
    log.info(
        "captured %d, tracked %d, dropped %d; %.1f fps; latency %.0f ms median, %.0f ms at the 95th percentile",
        summary["frames_captured"],
        summary["frames_tracked"],
        summary["frames_dropped"],
        summary["fps"],
        latency["p50"],
        latency["p95"],
    )
    for entry in summary["objects"]:
        log.info(
            "object %d: %s, score %.2f, seen on %d frames", *(entry[k] for k in ("id", "state", "score", "frames"))
        )
