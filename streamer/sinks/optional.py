"""Sinks whose packages are optional: a missing one is a line that names the extra."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from streamer.errors import UsageError
from streamer.ports import AnySink, Sink
from streamer.uris import Address, is_loopback


def need(extra: str, *packages: str) -> None:
    """Raise UsageError naming the extra that has these packages, where one is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UsageError(f"the package {missing[0]} is not installed: pip install 'streamer[{extra}]'")


def ros2(address: Address) -> AnySink:
    """`ros2:/NAMESPACE?...`; raises UsageError or SinkError."""
    need("ros2", "cyclonedds", "rosbags")
    from streamer.sinks.ros2.options import Ros2Options
    from streamer.sinks.ros2.sink import Ros2Sink

    return Ros2Sink(Ros2Options.of(address, os.environ))


def foxglove(address: Address, host: str, port: int) -> AnySink:
    """`foxglove:127.0.0.1:8765`; raises UsageError or SinkError."""
    need("foxglove", "foxglove", "mcap")
    from streamer.sinks.foxglove_server import IMAGES, FoxgloveSink

    address.allow("images")
    if not is_loopback(host):
        raise UsageError(
            f"sink foxglove:{address.target}: it has no keys, so it listens on this machine alone: 127.0.0.1"
        )
    chosen = address.options.get("images", "jpeg")
    for images in IMAGES:
        if images == chosen:
            return FoxgloveSink(host, port, images)
    raise UsageError(f"{address.shown}: images={chosen!r} is unknown; known: {', '.join(IMAGES)}")


def mcap_opener(address: Address) -> Callable[[Path], Sink]:
    """Opens parts of `FILE.mcap?images=...`; raises UsageError."""
    need("foxglove", "mcap", "foxglove")
    from streamer.sinks.mcap_file import IMAGES, McapSink

    chosen = address.options.get("images", "jpeg")
    for images in IMAGES:
        if images == chosen:
            return lambda path: McapSink(path, images)
    raise UsageError(f"{address.shown}: images={chosen!r} is unknown; known: {', '.join(IMAGES)}")
