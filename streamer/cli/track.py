"""`streamer track`: objects through a recording, forwards and backwards; corrected, interrupted and resumed."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from streamer.cli import prompts
from streamer.cli.convert import categories
from streamer.cli.options import section_of
from streamer.cli.progress import Progress
from streamer.config.prompts import build_prompts
from streamer.config.settings import ModelSettings, PromptSettings, TrackingSettings
from streamer.errors import CommandError, UsageError
from streamer.formats.annotation import Footage
from streamer.formats.frames import AnnotatedFrame, Clip
from streamer.formats.prompts import is_annotations, read_prompts
from streamer.formats.writers import FORMATS, open_writer
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
    clip = Clip(Path(args.video).stem, categories(args.categories))
    by_object, refused = read(Path(args.prompts), args.prompt_frames, recording)
    if not by_object:
        raise UsageError(f"{args.prompts}: no prompt in it can be used on {recording.count} frames")
    out, stopped = Path(args.out), list[bool]()
    with contextlib.closing(Store(out / "work.sqlite")) as store, stopped_by_signals(lambda: stopped.append(True)):
        propagation = _propagation(args, recording, store, stopped)
        propagation.plan(by_object)
        left, whole = propagation.left(by_object), propagation.whole(by_object)
        if left < whole:
            log.info("resumed: %d of %d frames are tracked already", whole - left, whole)
        with Progress(total=left + recording.count) as bar:
            propagation.progress = partial(bar.update, 1)
            if not propagation.run(by_object):
                log.warning("interrupted; run the same command again to resume")
                return INTERRUPTED
            _write(recording, store, _outputs(out, wanted, clip, images=args.images), bar)
            took_s = bar.elapsed_s
    if recording.broken:
        log.warning("%s; what comes before it is done", recording.broken)
    objects = ", ".join(map(str, sorted(by_object)))
    log.info("objects %s on %d frames in %.1f s; the files are in %s", objects, recording.count, took_s, out)
    if args.json:
        print(json.dumps(_summary(args, recording, by_object, refused)))
    return 1 if recording.broken or refused else 0


def formats(text: str) -> list[str]:
    """The formats of a list with commas; raises UsageError."""
    for name in text.split(","):
        if name not in SINKS and name not in FORMATS:
            raise UsageError(f"--format {name!r} is unknown; known: {', '.join((*SINKS, *FORMATS))}")
    return list(dict.fromkeys(text.split(",")))


def read(path: Path, frames: Literal["first", "all"], recording: Recording) -> tuple[Prompts, int]:
    """Prompts of a file of this project or of annotations, and how many could not be used; raises UsageError."""
    if not is_annotations(path):
        return usable(prompts.read_file(path), recording)
    found: dict[int, dict[int, Prompt]] = {}
    for index, here in read_prompts(path, Footage(recording.count, recording.width, recording.height), frames).items():
        for prompt in here:
            prompt.check_inside(recording.height, recording.width)
            found.setdefault(prompt.known_id, {})[index] = prompt
    return found, 0


def usable(named: dict[str, list[PromptSettings]], recording: Recording) -> tuple[Prompts, int]:
    """Prompts by object and frame, and how many were rejected; a warning is logged for each."""
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


def _propagation(args: argparse.Namespace, recording: Recording, store: Store, stopped: Sequence[bool]) -> Propagation:
    from streamer.edgetam import open_tracker

    tracking = section_of(args, "tracking", TrackingSettings)
    chosen = section_of(args, "model", ModelSettings)
    tracker = open_tracker(chosen.id, chosen.size, chosen.device, chosen.runtime, tracking)
    model = tracker.describe()
    size = [recording.width, recording.height, recording.count]
    store.bind(
        {
            "recording": recording.name,
            "size": size,
            "model": model,
            "exact": tracking.exact,
            "tracking": tracking.model_dump(),
        }
    )
    return Propagation(
        recording,
        store,
        tracker.runtime,
        tracking,
        exact=tracking.exact,
        stop=lambda: bool(stopped),
    )


Output = Callable[[TrackResult], None]


@contextlib.contextmanager
def _outputs(out: Path, wanted: Sequence[str], clip: Clip, *, images: bool) -> Iterator[list[Output]]:
    """What writes each result, in each format; all is closed at the end."""
    with contextlib.ExitStack() as opened:
        outputs: list[Output] = []
        for name in wanted:
            if name in FORMATS:
                outputs.append(_annotator(name, out, clip, opened, images=images))
            elif isinstance(sink := open_sink(SINKS[name].format(out)), Sink):
                opened.callback(sink.close)
                outputs.append(sink.write)
        yield outputs


def _annotator(name: str, out: Path, clip: Clip, opened: contextlib.ExitStack, *, images: bool) -> Output:
    writer = open_writer(name, out, clip)
    opened.push(lambda kind, *_: writer.close() if kind is None else None)  # no document of half a recording

    def write(result: TrackResult) -> None:
        frame = result.frame
        image = frame.image if images else None
        writer.add(AnnotatedFrame(frame.index, frame.width, frame.height, result.tracks, image))

    return write


def _write(
    recording: Recording, store: Store, opened: contextlib.AbstractContextManager[list[Output]], bar: Progress
) -> None:
    """The files, from what was found."""
    with opened as outputs:
        for frame in recording.frames(0, recording.count - 1):
            result = TrackResult(frame, store.tracks(frame.index, (recording.width, recording.height)))
            for write in outputs:
                write(result)
            bar.update()


def _summary(args: argparse.Namespace, recording: Recording, by_object: Prompts, refused: int) -> dict[str, Any]:
    return {
        "video": args.video,
        "frames": recording.count,
        "objects": sorted(by_object),
        "prompts": sum(map(len, by_object.values())),
        "prompts_refused": refused,
        "broken": recording.broken,
        "out": args.out,
    }
