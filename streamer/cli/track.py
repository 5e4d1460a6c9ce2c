"""`streamer track`: a recording's objects, forwards and backwards; corrected, interrupted and gone on with."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from streamer.cli import prompts
from streamer.config import load as config
from streamer.config.prompts import build_prompts
from streamer.config.settings import PromptSettings
from streamer.errors import CommandError, UsageError
from streamer.offline.propagation import Prompts, Propagation
from streamer.offline.recording import Recording, open_recording
from streamer.offline.store import Store
from streamer.pipeline.signals import stopped_by_signals
from streamer.ports import Sink
from streamer.sinks import open_sink
from streamer.types import Prompt, TrackResult

log = logging.getLogger(__name__)
SINKS = {"png": "masks:{}/masks", "jsonl": "{}/tracks.jsonl", "mp4": "{}/overlay.mp4"}
INTERRUPTED = 128 + signal.SIGINT


def track(args: argparse.Namespace) -> int:
    """0, 1 where the recording broke off or a prompt could not be used (all else is done), 130 where interrupted."""
    wanted = formats(args.format)
    recording = open_recording(Path(args.video))
    asked, refused = usable(prompts.read_file(Path(args.prompts)), recording)
    if not asked:
        raise UsageError(f"{args.prompts}: no prompt in it can be used on {recording.count} frames")
    out = Path(args.out)
    with contextlib.closing(Store(out / "work.sqlite")) as store, tqdm(unit="frame", disable=None) as bar:
        stopped: list[bool] = []
        with stopped_by_signals(lambda: stopped.append(True)):
            propagation = _propagation(args, recording, store, bar, stopped)
            propagation.plan(asked)
            bar.reset(propagation.left(asked) + recording.count)
            if not propagation.run(asked):
                log.warning("interrupted; the same command goes on from here")
                return INTERRUPTED
            _write(recording, store, out, wanted, bar)
    if recording.broken:
        log.warning("%s; what comes before it is done", recording.broken)
    if args.json:
        print(json.dumps(_summary(args, recording, asked, refused)))
    return 1 if recording.broken or refused else 0


def formats(text: str) -> list[str]:
    """The formats of a list with commas; raises UsageError."""
    for name in text.split(","):
        if name not in SINKS:
            raise UsageError(f"--format {name!r} is unknown; known: {', '.join(SINKS)}")
    return text.split(",")


def usable(named: dict[str, list[PromptSettings]], recording: Recording) -> tuple[Prompts, int]:
    """Prompts by object and frame, and how many could not be used, each of which is said."""
    found: dict[int, dict[int, Prompt]] = {}
    refused = 0
    for name, entries in named.items():
        try:
            index = _frame(name, recording)
            here = build_prompts(entries, None)
            for prompt in here:
                prompt.check_inside(recording.height, recording.width)
        except (UsageError, CommandError) as error:
            log.warning("prompts of frame %s: %s", name, error)
            refused += len(entries)
            continue
        for prompt in here:
            found.setdefault(prompt.known_id, {})[index] = prompt
    return found, refused


def _frame(name: str, recording: Recording) -> int:
    if not name.isdecimal():
        raise UsageError("not the number of a frame")
    if int(name) >= recording.count:
        raise UsageError(f"not there: the recording has frames 0 to {recording.count - 1}")
    return int(name)


def _propagation(
    args: argparse.Namespace, recording: Recording, store: Store, bar: Any, stopped: Sequence[bool]
) -> Propagation:
    from streamer.edgetam import open_graph_engine

    overrides = {"source": {"uri": args.video}, "tracking": config.tracking_of(args.tracking, exact=args.exact)}
    tracking = config.load(None, overrides).tracking
    engine = open_graph_engine(args.model, args.size, args.device, args.runtime)
    model = engine.tracker(tracking).describe()
    size = [recording.width, recording.height, recording.count]
    store.bind(
        {
            "recording": recording.name,
            "size": size,
            "model": model,
            "exact": args.exact,
            "tracking": tracking.model_dump(),
        }
    )
    return Propagation(
        recording,
        store,
        engine.checkpoint,
        tracking,
        engine.runtime,
        exact=args.exact,
        progress=bar.update,
        stop=lambda: bool(stopped),
    )


def _write(recording: Recording, store: Store, out: Path, wanted: Sequence[str], bar: Any) -> None:
    """The files, from what was found."""
    with contextlib.ExitStack() as opened:
        sinks = [open_sink(SINKS[name].format(out)) for name in wanted]
        for sink in sinks:
            opened.callback(sink.close)
        for frame in recording.frames(0, recording.count - 1):
            result = TrackResult(frame, store.tracks(frame.index, (recording.width, recording.height)))
            for sink in sinks:
                if isinstance(sink, Sink):
                    sink.write(result)
            bar.update()


def _summary(args: argparse.Namespace, recording: Recording, asked: Prompts, refused: int) -> dict[str, Any]:
    return {
        "video": args.video,
        "frames": recording.count,
        "objects": sorted(asked),
        "prompts": sum(map(len, asked.values())),
        "prompts_refused": refused,
        "broken": recording.broken,
        "out": args.out,
    }
