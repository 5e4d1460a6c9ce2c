"""The three commands of the README, as printed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import urllib.request

import pytest

from tests.process.processes import ROOT, STREAMER, streamer


def commands() -> list[list[str]]:
    """The words of each command beneath `## Three commands`."""
    (block,) = re.findall(r"^## Three commands\n\n((?: {4}.*\n)+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_commands_of_the_readme_work_as_printed(tmp_path):
    demo, run, serve = commands()
    for words in (demo, run):
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run([*STREAMER, *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"demo.mp4", "again.mp4"}
    (address,) = re.findall(r"open (http://\S+)", (ROOT / "README.md").read_text())
    process = streamer(*serve)
    line = next(line for line in process.stderr if "the page is at" in line)
    assert line.split()[-1] == address
    with urllib.request.urlopen(address, timeout=10) as page:
        assert b"<title>streamer</title>" in page.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
