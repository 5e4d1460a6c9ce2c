"""What importing costs: unit tests and light parts of the package load no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.process.processes import ROOT

CHECK = """
import importlib, pathlib, sys
{imports}
heavy = sorted(set(sys.modules) & {{"torch", "transformers", "timm", "torchvision"}})
assert not heavy, heavy
"""
UNIT = """
for path in sorted(pathlib.Path("tests/unit").rglob("test_*.py")):
    importlib.import_module(".".join(path.with_suffix("").parts))
"""


@pytest.mark.parametrize(
    "imports",
    [
        UNIT,
        "import streamer, streamer.client, streamer.cli",
        "import streamer.pipeline.pipeline, streamer.sinks, streamer.sources, streamer.service.camera",
        "import streamer.web.serve_app",
        "from streamer.edgetam import open_engine; open_engine('still').tracker()",
    ],
    ids=["unit tests", "client and command line", "pipeline", "web", "the still tracker"],
)
def test_no_torch_is_imported_by(imports):
    words = [sys.executable, "-c", CHECK.format(imports=imports)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
