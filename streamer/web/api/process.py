"""The process over HTTP: whether it lives and works, what it uses, and who is let in."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streamer.process.memory import resident_mb
from streamer.web import bodies
from streamer.web.access import COOKIE, SESSION_S, address_of, session_of
from streamer.web.api.service import RefusedError, Service, body_of


async def health(_: Service, __: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(service: Service, _: Request) -> Response:
    waiting = [camera.name for camera in service.cameras.all() if not camera.is_live]
    return JSONResponse({"status": "waiting" if waiting else "ok"}, 503 if waiting else 200)


async def stats(service: Service, _: Request) -> Response:
    cameras = service.cameras.all()
    readers = sum(service.readers.count(camera.name) for camera in cameras)
    model = service.cameras.shared.engine.describe()
    return JSONResponse(
        {"model": model, "resident_mb": round(resident_mb(), 1), "cameras": len(cameras), "readers": readers}
    )


async def get_session(service: Service, request: Request) -> Response:
    return JSONResponse({"wanted": service.gate.passes.wanted, "known": service.gate.knows(request.headers)})


async def log_in(service: Service, request: Request) -> Response:
    body, gate = await body_of(request, bodies.LoginBody), service.gate
    if not gate.logins.take(address_of(request.scope), asyncio.get_running_loop().time()):
        raise RefusedError(429, "too many attempts; wait some seconds")
    known = body.token is not None and gate.passes.allows_token(body.token)
    if not known and body.user is not None and body.password is not None:
        known = await run_in_threadpool(gate.passes.allows_user, body.user, body.password)
    if not known and gate.passes.wanted:
        raise RefusedError(401, "this is no pass of this server")
    answer = JSONResponse({"wanted": gate.passes.wanted, "known": True}, 201)
    answer.set_cookie(
        COOKIE, gate.sessions.begin(), int(SESSION_S), httponly=True, samesite="strict", secure=gate.secure
    )
    return answer


async def log_out(service: Service, request: Request) -> Response:
    service.gate.sessions.end(session_of(request.headers))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE)
    return answer
