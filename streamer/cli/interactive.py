"""`streamer segment --interactive`: clicks refine an object, in a window or typed, and each can be undone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import cv2

from streamer.edgetam.image import ImageSegmenter, Segment
from streamer.errors import CommandError
from streamer.offline.refinement import Session, Work, drawn

HELP = "+ X Y | - X Y | box X0 Y0 X1 Y1 | new | undo | show [FILE] | next | quit"


def sessions(
    segmenter: ImageSegmenter, works: Iterator[Work], typed: TextIO | None = None
) -> Iterator[tuple[Work, Sequence[Segment]]]:
    """One session for each image: in a window where there is a display, else from typed commands."""
    in_window = typed is None and bool(os.environ.get("DISPLAY")) and sys.stdin.isatty()
    for work in works:
        (embedded,) = segmenter.embed([work.image])
        session = Session(segmenter, embedded)
        if in_window:
            from streamer.cli.window import refine

            go_on = refine(work.path.name, work.image, session)
        else:
            go_on = _typed(work, session, typed or sys.stdin)
        yield work, session.now.segments
        if not go_on:
            return


def _typed(work: Work, session: Session, lines: TextIO) -> bool:
    """Commands until `next`, `quit` or the end of input; false where no further image is wanted."""
    print(f"{work.path.name}, {session.image.width} x {session.image.height}: {HELP}", file=sys.stderr)
    for line in lines:
        words = line.split()
        if words[:1] in (["next"], ["quit"]):
            return words[0] == "next"
        if words:
            try:
                print(_obey(words, work, session), file=sys.stderr)
            except (CommandError, ValueError) as error:
                print(f"{error}; write {HELP}", file=sys.stderr)
    return False


def _obey(words: Sequence[str], work: Work, session: Session) -> str:
    """Carry out one typed command, and return its outcome; raises ValueError for anything else."""
    match words:
        case ["+" | "-" as sign, x, y]:
            session.click(float(x), float(y), int(sign == "+"))
        case ["box", x0, y0, x1, y1]:
            session.box((float(x0), float(y0), float(x1), float(y1)))
        case ["new"]:
            session.new()
        case ["undo"]:
            if not session.undo():
                return "nothing to undo"
        case ["show", *name]:
            return f"drawn in {_draw(work, session, name)}"
        case _:
            raise ValueError(f"{' '.join(words)!r} is no command")
    return _status_line(session)


def _status_line(session: Session) -> str:
    now = session.now
    lines = [f"object {s.object_id}: {int(s.mask.sum())} pixels, score {s.score:.2f}" for s in now.segments]
    return "; ".join(lines) + f" (at object {now.current})" if lines else f"nothing yet (at object {now.current})"


def _draw(work: Work, session: Session, name: Sequence[str]) -> str:
    file = name[0] if name else str(Path(tempfile.gettempdir()) / f"{work.path.stem}.overlay.png")
    if not cv2.imwrite(file, drawn(work.image, session)[..., ::-1]):
        raise ValueError(f"{file} cannot be written")
    return file
