"""`streamer segment`: masks on still images."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamer.cli import prompts
from streamer.cli.options import section_of
from streamer.cli.progress import Progress
from streamer.config.settings import FindSettings, ModelSettings
from streamer.config.stills import SegmentSettings
from streamer.edgetam import open_segmenter
from streamer.edgetam.automatic import AutomaticMasks
from streamer.edgetam.image import ImageSegmenter, Segment
from streamer.errors import CommandError, StreamerError, UsageError
from streamer.offline.coco import FORMATS, Annotations, Format
from streamer.offline.refinement import Image, Work
from streamer.sources import IMAGE_SUFFIXES
from streamer.types import Prompt

log = logging.getLogger(__name__)


def segment(args: argparse.Namespace) -> int:
    """Write masks and overlays; 1 where an image could not be done, and the others are."""
    paths = found(args.images)
    image_prompts = prompts.ImagePrompts.of(args)
    if not (image_prompts or args.auto or args.detect or args.interactive):
        raise UsageError("nothing to do: give --box, --point, --mask, --prompts FILE, --detect MODEL or --auto")
    model = section_of(args, "model", ModelSettings)
    stills = section_of(args, "segment", SegmentSettings)
    segmenter = open_segmenter(model.id, model.size, memory_mb=stills.memory_mb)
    out = Annotations(Path(args.out), formats(args.format))
    broken: list[str] = []
    listed: list[dict[str, Any]] = []
    if args.interactive:
        from streamer.cli.interactive import sessions

        done = sessions(segmenter, _readable(paths, broken))
    else:
        works = _works(paths, image_prompts, detector_of(args), broken)
        done = _segmented(segmenter, works, args)
    for work, segments in Progress(done, total=len(paths), unit="image", disable=args.interactive):
        drawn = out.add(work.path.name, work.image, segments, work.labels)
        listed.append(_entry(work, segments, drawn))
    out.close()
    if args.json:
        print(json.dumps({"images": listed, "failed": broken, "out": args.out}))
    elif listed:
        log.info("%d objects on %d images, in %s", sum(len(e["objects"]) for e in listed), len(listed), args.out)
    return 1 if broken else 0


def found(names: Sequence[str]) -> list[Path]:
    """Image files, and the image files of folders; raises UsageError where there is none."""
    paths: list[Path] = []
    for name in names:
        path = Path(name)
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{name}: no images in it ({', '.join(IMAGE_SUFFIXES)})")
        paths += inside
    stems = [path.stem for path in paths]
    for path in paths:
        if stems.count(path.stem) > 1:
            raise UsageError(f"{path}: another image has the name {path.stem!r}, and both would be written as it")
    return paths


def formats(text: str) -> list[Format]:
    """The formats of a list with commas; raises UsageError."""
    chosen: list[Format] = []
    for name in text.split(","):
        match = [known for known in FORMATS if known == name]
        if not match:
            raise UsageError(f"--format {name!r} is unknown; known: {', '.join(FORMATS)}")
        chosen += match
    return chosen


def read(path: Path) -> Image:
    """H x W x 3 RGB; raises UsageError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UsageError(f"{path}: " + ("cannot be read as an image" if path.exists() else "no such file"))
    return np.ascontiguousarray(image[..., ::-1])


def detector_of(args: argparse.Namespace) -> Callable[[Image], list[Any]] | None:
    if args.detect is None:
        return None
    from streamer.edgetam.finders import Detector

    found = section_of(args, "find", FindSettings).model_copy(update={"method": args.detect})
    return Detector(args.detect, found.labels, threshold=found.score_threshold).detect


def _readable(paths: Sequence[Path], broken: list[str]) -> Iterator[Work]:
    for path in paths:
        try:
            yield Work(path, read(path))
        except UsageError as error:
            _fail(path, error, broken)


def _works(
    paths: Sequence[Path],
    image_prompts: prompts.ImagePrompts,
    detect: Callable[[Image], list[Any]] | None,
    broken: list[str],
) -> Iterator[Work]:
    """Images with their prompts; images that cannot be read or prompted are logged and left out."""
    names = {path.name for path in paths}
    for name in image_prompts.names() - names:
        log.warning("%s: prompted, and not among the images", name)
        broken.append(name)
    for work in _readable(paths, broken):
        try:
            prompts = image_prompts.on(work.path.name)
            for prompt in prompts:
                prompt.check_inside(*work.image.shape[:2])
        except (UsageError, CommandError) as error:
            _fail(work.path, error, broken)
            continue
        boxes = detect(work.image) if detect else []
        after = max((prompt.known_id for prompt in prompts), default=0)
        detected = {after + n: box for n, box in enumerate(boxes, 1)}
        prompts += [Prompt(n, box=box.box) for n, box in detected.items()]
        yield Work(work.path, work.image, prompts, {n: box.label for n, box in detected.items()})


def _segmented(
    segmenter: ImageSegmenter, works: Iterator[Work], args: argparse.Namespace
) -> Iterator[tuple[Work, Sequence[Segment]]]:
    if args.auto:
        automatic = AutomaticMasks(segmenter, section_of(args, "segment", SegmentSettings).grid)
        for work in works:
            segments = automatic.find(work.image)
            if not segments:
                best = automatic.best_candidate
                log.warning("%s: no object; %s: lower --min-iou or --min-stability", work.path, best)
            yield work, segments
        return
    waiting: list[Work] = []

    def pairs() -> Iterator[tuple[Image, Sequence[Prompt]]]:
        for work in works:
            waiting.append(work)
            yield work.image, work.prompts

    for segments in segmenter.batch(pairs(), candidates=args.candidates):
        yield waiting.pop(0), segments


def _entry(work: Work, segments: Sequence[Segment], drawn: Path) -> dict[str, Any]:
    objects = [
        {
            "id": segment.object_id,
            "label": work.labels.get(segment.object_id, "object"),
            "score": round(segment.score, 4),
            "box": segment.box,
            "area": int(segment.mask.sum()),
            "candidates": [round(candidate.score, 4) for candidate in segment.candidates],
        }
        for segment in segments
    ]
    return {"image": str(work.path), "objects": objects, "overlay": str(drawn)}


def _fail(path: Path, error: StreamerError, broken: list[str]) -> None:
    text = str(error)
    log.warning("%s", text if text.startswith(str(path)) else f"{path}: {text}")
    broken.append(str(path))
