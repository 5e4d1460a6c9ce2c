#!/usr/bin/env python
"""Write constraints.txt from what .venv has: `.venv/bin/python scripts/constraints.py [--upgrade]`.

With `--upgrade` pip first takes the newest versions that pyproject.toml allows. Run scripts/check and scripts/test
before committing the result.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("dev", "docs", "onnx", "openvino")
BY_PLATFORM = ("nvidia-", "cuda-", "triton", "setuptools")  # torch's build on this machine decides
HEAD = "# The exact versions that were tested; scripts/setup installs these, scripts/constraints.py renews them.\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="install the newest versions first")
    args = parser.parse_args()
    if args.upgrade:
        words = ["install", "--upgrade", "--upgrade-strategy", "eager", "--editable", f"{ROOT}[{','.join(EXTRAS)}]"]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    versions = installed()
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items(), key=lambda pin: pin[0].lower())]
    (ROOT / "constraints.txt").write_text(HEAD + "".join(lines))
    return 0


def installed() -> dict[str, str]:
    """The names and versions of all packages that the project needs, directly or not; ends where one is missing."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement("streamer"), extra) for extra in ("", *EXTRAS)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or name.startswith(BY_PLATFORM):
            continue
        seen.add((name, extra))
        if name == "streamer":
            waiting += below(declared(extra), extra)
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{requirement} is not installed; run scripts/constraints.py --upgrade")
        versions[package.metadata["Name"]] = Version(package.version).public
        waiting += below(package.requires or [], extra)
    return versions


def declared(extra: str) -> list[str]:
    """What pyproject.toml asks for in an extra ("" for the base); the installed metadata may be older."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return requirements


def below(requirements: list[str], extra: str) -> list[tuple[Requirement, str]]:
    """What these requirements ask for on this platform when `extra` is wanted ("" for none)."""
    read = [Requirement(text) for text in requirements]
    wanted = [one for one in read if one.marker is None or one.marker.evaluate({"extra": extra})]
    return [(one, name) for one in wanted for name in ("", *one.extras)]


if __name__ == "__main__":
    sys.exit(main())
