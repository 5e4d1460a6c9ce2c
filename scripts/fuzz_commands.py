#!/usr/bin/env python
"""Coverage-guided fuzzing of everything that reads bytes from others: `scripts/fuzz_commands.py -max_total_time=1200`.

Needs `pip install -e .[fuzz]`; takes libFuzzer's options, and stops at the first crash, hang or growth.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

with atheris.instrument_imports(include=["streamer"]):
    from streamer.bus.messages import Message, header_of, pack_event, pack_masks, unpack
    from streamer.bus.requests import (
        pack_ack,
        pack_request,
        pack_status,
        pack_status_request,
        unpack_reply,
        unpack_request,
    )
    from streamer.errors import CommandError, WireError
    from streamer.events.types import ObjectEvent
    from streamer.masks import CODECS
    from streamer.types import Ack, Command, Find, Frame, Pause, Prompt, Remove, Reset, Resume, Track, TrackResult, Undo


def one(data: bytes) -> None:
    """The first byte chooses the reader."""
    reader = (unpack_request, unpack_request, unpack_request, unpack, unpack_reply)[data[0] % 5 if data else 0]
    with contextlib.suppress(WireError, CommandError):
        read = reader(data[1:])
        if isinstance(read, Message):
            for entry in read.objects:
                entry.mask()


def seeds() -> dict[str, bytes]:
    """One of each kind, whole, with the byte that chooses its reader."""
    mask = np.zeros((24, 32), bool)
    mask[4:12, 6:20] = True
    box = (6, 4, 20, 12)
    points = Prompt(1, points=((1.0, 2.0),), labels=(1,), box=(1.0, 1.0, 9.0, 9.0))
    verbs: dict[str, Command] = {
        "points": points,
        "mask": Prompt(2, mask=mask, mode="replace"),
        "remove": Remove(2),
        "undo": Undo(1),
    }
    verbs |= {"reset": Reset(), "pause": Pause(), "resume": Resume(), "find": Find()}
    made = {name: b"\0" + pack_request([command]) for name, command in verbs.items()}
    frame = Frame.from_image(np.zeros((24, 32, 3), np.uint8), index=3, source="cam")
    result = TrackResult(frame, (Track(1, mask, box, 1.0, 0.9, "tracked"),))
    header = header_of(result, sequence=1, dropped=0, published_ns=2)
    for codec in CODECS:
        made[codec] = b"\3" + pack_masks("cam/masks", result, codec, header)
    event = ObjectEvent("cam", 1, "started", 3, 0, 1, 2, 1.0, 0.9, box)
    made["event"] = b"\3" + pack_event("cam/events", event, 1)
    made["ack"], made["status_answer"] = (
        b"\4" + pack_ack(Ack(error=None, index=3, epoch=0)),
        b"\4" + pack_status({"fps": 1}),
    )
    return made | {"status": b"\0" + pack_status_request()}


def main() -> None:
    folder = ROOT / "out" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (folder / name).write_bytes(data)
    atheris.Setup([sys.argv[0], str(folder), "-max_len=4096", "-rss_limit_mb=2048", *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
