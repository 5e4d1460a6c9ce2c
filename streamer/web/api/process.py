"""The process over HTTP: health, figures, and log-in."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from streamer.process.memory import resident_mb
from streamer.web.access import COOKIE, SESSION_S, address_of, session_of
from streamer.web.api.dependencies import ServiceDep, require_json
from streamer.web.api.errors import ApiError, responses
from streamer.web.models import HealthAnswer, LoginBody, SessionAnswer, SessionQuery, StatsAnswer

router = APIRouter(tags=["process"])


@router.get("/health", response_model=HealthAnswer, summary="Whether the server runs")
async def health() -> Any:
    return {"status": "ok"}


@router.get(
    "/ready",
    response_model=HealthAnswer,
    summary="Whether every camera gives fresh frames",
    responses={503: {"model": HealthAnswer, "description": "A camera gives no frames"}},
)
async def ready(service: ServiceDep, response: Response) -> Any:
    waiting = [camera.name for camera in service.cameras.all() if not camera.is_live]
    response.status_code = 503 if waiting else 200
    return {"status": "waiting" if waiting else "ok"}


@router.get("/stats", response_model=StatsAnswer, summary="The model, and what the process uses")
async def stats(service: ServiceDep) -> Any:
    cameras = service.cameras.all()
    return {
        "model": service.cameras.shared.engine.describe(),
        "resident_mb": round(resident_mb(), 1),
        "cameras": len(cameras),
        "readers": sum(service.readers.count(camera.name) for camera in cameras),
    }


@router.get("/session", response_model=SessionAnswer, summary="Whether credentials are required, and were sent")
async def get_session(service: ServiceDep, request: Request, query: Annotated[SessionQuery, Query()]) -> Any:
    access = service.access
    return {
        "required": access.credentials.required,
        "authenticated": access.knows(request.headers),
        "rejected": access.refusal_of_origin(query.origin, request.headers.get("host", "")),
    }


@router.post(
    "/session",
    response_model=SessionAnswer,
    status_code=201,
    summary="Log in: the answer sets a cookie",
    responses=responses(400, 413, 415),
    dependencies=[Depends(require_json)],
)
async def log_in(body: LoginBody, service: ServiceDep, request: Request, response: Response) -> Any:
    access = service.access
    if not access.logins.take(address_of(request.scope), asyncio.get_running_loop().time()):
        raise ApiError(429, "too many attempts to log in; wait five seconds")
    known = by_token = body.token is not None and access.credentials.allows_token(body.token)
    if not known and body.user is not None and body.password is not None:
        known = await run_in_threadpool(access.credentials.allows_user, body.user, body.password)
    if not known and access.credentials.required:
        raise ApiError(401, "unknown token, user or password")
    session = access.begin_session(None if by_token else body.user if known else None)
    secure = access.secure or request.url.scheme == "https"  # TLS may end at a proxy
    response.set_cookie(COOKIE, session, int(SESSION_S), httponly=True, samesite="strict", secure=secure)
    return {"required": access.credentials.required, "authenticated": True}


@router.delete("/session", status_code=204, response_class=Response, summary="Log out")
async def log_out(service: ServiceDep, request: Request, response: Response) -> None:
    service.access.sessions.end(session_of(request.headers))
    response.delete_cookie(COOKIE)
