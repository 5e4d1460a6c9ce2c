"""The HTTP API, a router for each subject."""

from __future__ import annotations

from fastapi import APIRouter

from streamer.web.api import cameras, events, objects, process, results
from streamer.web.api.errors import responses

PREFIX = "/api/v1"


def router() -> APIRouter:
    """All operations."""
    api = APIRouter(prefix=PREFIX, responses=responses(401, 403, 422, 429))
    for part in (cameras.router, objects.router, results.router, events.router, process.router):
        api.include_router(part)
    return api
