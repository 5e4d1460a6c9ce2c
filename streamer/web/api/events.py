"""Events over HTTP, with their snapshots and clips."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from streamer.events.clips import stem_of
from streamer.events.counts import CountRow, csv_of
from streamer.events.journal import MAX_NUMBER, Journal
from streamer.web.api.dependencies import Service, ServiceDep
from streamer.web.api.errors import ApiError, media, responses
from streamer.web.models import CountsAnswer, CountsQuery, EventFile, EventId, EventsAnswer, EventsQuery

ENDINGS: dict[EventFile, str] = {"snapshot.jpg": "jpg", "mask.png": "png", "clip.mp4": "mp4"}
router = APIRouter(tags=["events"])


@router.get("/events", response_model=EventsAnswer, summary="List events, the newest first")
async def list_events(service: ServiceDep, query: Annotated[EventsQuery, Query()]) -> Any:
    if service.events is None:
        return {"events": []}
    rows = await run_in_threadpool(_rows, service.events, query)
    return {"events": [{"id": number, **fields, "files": _files(service, fields)} for number, fields in rows]}


@router.get("/counts", response_model=CountsAnswer, summary="Count what happened at zones, by intervals")
async def list_counts(service: ServiceDep, query: Annotated[CountsQuery, Query()]) -> Any:
    return {"counts": [row.fields() for row in await _counts(service, query)]}


@router.get("/counts.csv", response_class=Response, summary="The counts as CSV", responses=media("text/csv"))
async def get_counts_csv(service: ServiceDep, query: Annotated[CountsQuery, Query()]) -> Response:
    return Response(csv_of(await _counts(service, query)), media_type="text/csv")


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


async def _counts(service: Service, query: CountsQuery) -> list[CountRow]:
    return [] if service.events is None else await run_in_threadpool(_count_rows, service.events, query)


def _count_rows(path: Path, query: CountsQuery) -> list[CountRow]:
    since_ns = 0 if query.since is None else int(query.since.timestamp() * 1e9)
    until_ns = MAX_NUMBER if query.until is None else int(query.until.timestamp() * 1e9)
    with contextlib.closing(Journal(path)) as journal:
        return journal.counts(since_ns=since_ns, until_ns=until_ns, every_s=query.every_s, source=query.camera)


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
