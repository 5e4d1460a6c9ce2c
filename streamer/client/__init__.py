"""The HTTP API from Python: cameras, prompts, events, and the stream of results."""

from __future__ import annotations

from streamer.client.http_client import Client
from streamer.client.results import Latest, Result, unpack

__all__ = ["Client", "Latest", "Result", "unpack"]
