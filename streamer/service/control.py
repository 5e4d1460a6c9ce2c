"""The command server beside a pipeline: requests in over the bus, acknowledgements back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from streamer.channel import Channel
from streamer.pipeline.pipeline import Pipeline
from streamer.process.threads import background

if TYPE_CHECKING:
    from streamer.bus.curve import ServerKeys


@contextlib.contextmanager
def controlled(pipeline: Pipeline, endpoint: str | None, keys: ServerKeys | None = None) -> Iterator[str | None]:
    """Take commands for `pipeline` on `endpoint` while the block runs; yields the address that was bound.

    Raises SinkError where the endpoint cannot be bound; no endpoint, no server.
    """
    if endpoint is None:
        yield None
        return
    from streamer.bus.command_server import CommandServer  # a run without sockets imports no zmq

    server = CommandServer(endpoint, keys=keys)
    stop: Channel[None] = Channel(1)
    thread = background("commands", lambda: server.serve(pipeline.commands, pipeline.status, stop))
    try:
        yield server.endpoint
    finally:
        stop.close()
        thread.join(2.0)
