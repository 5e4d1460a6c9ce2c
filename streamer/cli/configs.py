"""`streamer configs`: the configurations that the package ships, to be used by name or copied."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from streamer.config import shipped


def configs(args: argparse.Namespace) -> int:
    """List them, or print one."""
    if args.name is not None:
        print(shipped.find(Path(args.name)).read_text(encoding="utf-8"), end="")
    elif args.json:
        print(json.dumps(shipped.names()))
    else:
        for name in shipped.names():
            print(name)
    return 0
