"""Events over HTTP, with their snapshots and clips."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from streamer.events.clips import stem_of
from streamer.events.journal import Journal
from streamer.web.api.dependencies import Service, ServiceDep
from streamer.web.api.errors import ApiError, media, responses
from streamer.web.models import EventFile, EventId, EventsAnswer, EventsQuery

ENDINGS: dict[EventFile, str] = {"snapshot.jpg": "jpg", "mask.png": "png", "clip.mp4": "mp4"}
router = APIRouter(tags=["events"])


@router.get("/events", response_model=EventsAnswer, summary="List events, the newest first")
async def list_events(service: ServiceDep, query: Annotated[EventsQuery, Query()]) -> Any:
    if service.events is None:
        return {"events": []}
    rows = await run_in_threadpool(_rows, service.events, query)
    return {"events": [{"id": number, **fields, "files": _files(service, fields)} for number, fields in rows]}


@router.get(
    "/events/{id}/{file}",
    response_class=FileResponse,
    summary="A snapshot, mask or clip of an event",
    responses=media("*/*") | responses(404),
)
async def get_event_file(id: EventId, file: EventFile, service: ServiceDep) -> FileResponse:
    fields = None if service.events is None else await run_in_threadpool(_row, service.events, id)
    if fields is None or file not in _files(service, fields):
        raise ApiError(404, f"event {id} has no file {file}, or it was deleted")
    return FileResponse(_path(service, fields, file))


def _rows(path: Path, query: EventsQuery) -> list[tuple[int, dict[str, Any]]]:
    with contextlib.closing(Journal(path)) as journal:
        return journal.latest(query.limit, before=query.before, source=query.camera)


def _row(path: Path, number: int) -> dict[str, Any] | None:
    with contextlib.closing(Journal(path)) as journal:
        return journal.one(number)


def _path(service: Service, fields: dict[str, Any], file: EventFile) -> Path:
    assert service.clips is not None
    stem = stem_of(fields["source"], fields["wall_ns"], fields["event"], fields["object_id"])
    return service.clips / f"{stem}.{ENDINGS[file]}"


def _files(service: Service, fields: dict[str, Any]) -> list[EventFile]:
    if service.clips is None or "object_id" not in fields:
        return []
    return [file for file in ENDINGS if _path(service, fields, file).is_file()]
