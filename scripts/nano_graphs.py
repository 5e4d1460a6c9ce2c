#!/usr/bin/env python3
"""Convert `nano` to the OpenVINO graphs that the package holds: scripts/nano_graphs.py

Weights are halved to 16 bits, and weights that several graphs share are written once, to graphs.bin. Run it after each
change of streamer/edgetam/nano/model.safetensors or of the graphs; a test says when they do not belong together.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from streamer.edgetam.export import settings
from streamer.edgetam.opening import NANO, NANO_GRAPHS, SETTINGS, fingerprint_of_files
from streamer.edgetam.runtimes.conversion import save, to_openvino
from streamer.edgetam.runtimes.openvino import SHARED_WEIGHTS
from streamer.edgetam.steps import GRAPHS
from streamer.edgetam.weights import load

ALIGNMENT = 64  # bytes: of constants in the file
CONSTANT = re.compile(r'offset="(\d+)" size="(\d+)"')


class SharedWeights:
    """Constants of several graphs in one file, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._offsets: dict[str, int] = {}

    def add(self, xml: str, weights: bytes) -> str:
        """The graph with offsets into the shared file."""

        def moved(match: re.Match[str]) -> str:
            offset, size = map(int, match.groups())
            return f'offset="{self._place(weights[offset : offset + size])}" size="{size}"'

        return CONSTANT.sub(moved, xml)

    def _place(self, constant: bytes) -> int:
        digest = hashlib.sha256(constant).hexdigest()
        if digest not in self._offsets:
            self.data.extend(bytes(-len(self.data) % ALIGNMENT))
            self._offsets[digest] = len(self.data)
            self.data.extend(constant)
        return self._offsets[digest]


def main() -> None:
    checkpoint, shared = load("nano", device="cpu"), SharedWeights()
    shutil.rmtree(NANO_GRAPHS, ignore_errors=True)
    NANO_GRAPHS.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        for name, make in GRAPHS.items():
            file = Path(folder) / f"{name}.xml"
            save(to_openvino(make(checkpoint.model), checkpoint), file, half=True)
            text = shared.add(file.read_text(), file.with_suffix(".bin").read_bytes())
            (NANO_GRAPHS / file.name).write_text(text)
    (NANO_GRAPHS / SHARED_WEIGHTS).write_bytes(shared.data)
    described = settings(checkpoint) | {"files": fingerprint_of_files(NANO)}
    (NANO_GRAPHS / SETTINGS).write_text(json.dumps(described, indent=2) + "\n")
    total = sum(file.stat().st_size for file in NANO.rglob("*") if file.is_file())
    print(f"{NANO_GRAPHS}: {total / 1e6:.1f} MB with the checkpoint")


if __name__ == "__main__":
    main()
