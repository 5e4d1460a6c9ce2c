"""Events over HTTP, with their pictures and clips."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from streamer.events.clips import stem_of
from streamer.events.journal import Journal
from streamer.web import bodies
from streamer.web.api.service import RefusedError, Service, query_of

FILES = {"snapshot.jpg": "jpg", "mask.png": "png", "clip.mp4": "mp4"}


async def list_events(service: Service, request: Request) -> Response:
    query = query_of(request, bodies.EventsQuery)
    if service.events is None:
        return JSONResponse({"events": []})
    rows = await run_in_threadpool(_rows, service.events, query)
    return JSONResponse(
        {"events": [{"id": number, **fields, "files": _files(service, fields)} for number, fields in rows]}
    )


async def get_event_file(service: Service, request: Request) -> Response:
    name = request.path_params["file"]
    fields = (
        None if service.events is None else await run_in_threadpool(_row, service.events, request.path_params["id"])
    )
    if fields is None or name not in FILES or name not in _files(service, fields):
        raise RefusedError(404, "there is no such file of this event, or not any more")
    return FileResponse(_path(service, fields, name))


def _rows(path: Path, query: bodies.EventsQuery) -> list[tuple[int, dict[str, Any]]]:
    with contextlib.closing(Journal(path)) as journal:
        return journal.latest(query.limit, before=query.before, source=query.camera)


def _row(path: Path, number: int) -> dict[str, Any] | None:
    with contextlib.closing(Journal(path)) as journal:
        return journal.one(number)


def _path(service: Service, fields: dict[str, Any], name: str) -> Path:
    assert service.clips is not None
    stem = stem_of(fields["source"], fields["wall_ns"], fields["event"], fields["object_id"])
    return service.clips / f"{stem}.{FILES[name]}"


def _files(service: Service, fields: dict[str, Any]) -> list[str]:
    if service.clips is None or "object_id" not in fields:
        return []
    return [name for name in FILES if _path(service, fields, name).is_file()]
