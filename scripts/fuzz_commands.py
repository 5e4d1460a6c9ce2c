#!/usr/bin/env python
"""Coverage-guided fuzzing of everything that reads bytes from others: `scripts/fuzz_commands.py -max_total_time=1200`.

Needs `pip install -e .[fuzz]`; takes libFuzzer's options, and stops at the first crash, hang or growth.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

with atheris.instrument_imports(include=["streamer"]):
    from streamer.errors import CommandError, WireError
    from streamer.types import Prompt, Remove
    from streamer.wire import pack_request, unpack, unpack_reply, unpack_request


def one(data: bytes) -> None:
    """The first byte chooses the reader."""
    reader = (unpack_request, unpack_request, unpack_request, unpack, unpack_reply)[data[0] % 5 if data else 0]
    with contextlib.suppress(WireError, CommandError):
        reader(data[1:])


def main() -> None:
    folder = ROOT / "out" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    prompt = Prompt(1, points=((1.0, 2.0),), labels=(1,), box=(1.0, 1.0, 9.0, 9.0))
    (folder / "request").write_bytes(b"\0" + pack_request([prompt, Remove(2)]))
    atheris.Setup([sys.argv[0], str(folder), "-max_len=4096", "-rss_limit_mb=2048", *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
