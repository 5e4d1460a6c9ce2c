"""`streamer run`: one source through one tracker to sinks."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamer.channel import Channel, Closed
from streamer.cli import prompts as written
from streamer.cli.options import settings_of
from streamer.cli.progress import Progress
from streamer.config import load as config
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.pipeline.signals import stopped_by_signals
from streamer.pipeline.status import line_of, motion_of, summary_of
from streamer.process.memory import resident_mb
from streamer.process.threads import background
from streamer.service.build import Wiring, build_engine, build_keys, build_pipeline, build_tracker
from streamer.service.control import controlled

log = logging.getLogger("streamer")
PROGRESS_TIMEOUT_S = 2.0  # a terminal that takes nothing does not hold up the end


def run(args: argparse.Namespace) -> int:
    """`streamer run`."""
    settings = config.load(Path(args.config) if args.config else None, overrides(args))
    keys = build_keys(settings.keys)
    wiring = Wiring(model=settings.model, keys=keys, limits=Limits(settings.frames, settings.seconds))
    pipeline = build_pipeline(settings, lambda: build_tracker(build_engine(settings.model), settings), wiring)
    with stopped_by_signals(pipeline.stop), controlled(pipeline, settings.control, keys) as endpoint:
        if endpoint is not None:
            log.info("listening for commands on %s", endpoint)
        summary = run_and_summarise(pipeline)
    report(summary, as_json=args.json)
    return 0


def run_and_summarise(pipeline: Pipeline) -> dict[str, Any]:
    """Run a pipeline with a progress line; the figures of the run."""
    model: dict[str, Any] = pipeline.tracker.describe()
    log.info("model %s", ", ".join(model_words(model)))
    start_mb = resident_mb()
    with progress(pipeline):
        pipeline.run()
    return summarise(pipeline, model, start_mb)


def model_words(model: dict[str, Any]) -> list[str]:
    """A model in the words of a log line; a model without an input has no size."""
    size = [f"{model['size']} x {model['size']}"] if model["size"] else []
    return [model["id"], *size, f"{model['runtime']} on {model['device']}", model["dtype"]]


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the command line, nested like the file."""
    prompts = written.parse(args.box, args.point, args.mask)
    return settings_of(args) | ({"prompts": prompts} if prompts else {})


@contextlib.contextmanager
def progress(pipeline: Pipeline) -> Iterator[None]:
    """The figures of the run on one line of a terminal, in a log line now and then elsewhere."""
    stop: Channel[None] = Channel(1)

    def show() -> None:
        with Progress(layout="{desc}") as bar:
            while True:
                try:
                    stop.get(bar.mininterval)
                except TimeoutError:
                    bar.set_description_str(line_of(pipeline))
                except Closed:
                    return

    thread = background("progress", show)
    try:
        yield
    finally:
        stop.close()
        thread.join(PROGRESS_TIMEOUT_S)


def summarise(pipeline: Pipeline, model: dict[str, Any], start_mb: float) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "frames_captured": pipeline.captured,
        "frames_tracked": pipeline.figures.tracked,
        "results": pipeline.result_figures.results,
        "frames_dropped": pipeline.dropped,
        "dropped_by_sink": pipeline.dropped_by_sink,
        "lost_by_sink": pipeline.lost_by_sink,
        "events": dict(pipeline.source_figures.events),
        "motion": motion_of(pipeline),
        **summary_of(pipeline),
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
