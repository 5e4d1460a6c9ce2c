"""The page's modules without a DOM, in Node. `npm run lint` in `tests/page` lints all of them."""

from __future__ import annotations

import subprocess

from tests.process.processes import ROOT
from tests.requirements import program, require


def test_the_modules_of_the_page_pass_their_tests_in_node():
    node = program("node")
    require("node", node and _major(node) >= 20, "apt-get install nodejs (20 or newer)")
    run = subprocess.run(
        [node, "--test", "--test-reporter=spec"],
        cwd=ROOT / "tests" / "page",
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout
    assert "\u2139 fail 0" in run.stdout
    assert "\u2139 pass 0" not in run.stdout


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").partition(".")[0])
