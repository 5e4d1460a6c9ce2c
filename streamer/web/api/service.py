"""What every operation of the API stands on: what it works on, what was sent, and how it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streamer.config.load import problem_of
from streamer.config.settings import Section
from streamer.errors import CommandError, UsageError
from streamer.service.camera import Camera
from streamer.service.cameras import Cameras
from streamer.types import Ack, Command
from streamer.uris import redact
from streamer.web.access import AccessPolicy
from streamer.web.live import Readers

ANSWER_S = 10.0  # that a command waits for a picture
B = TypeVar("B", bound=Section)


class RefusedError(Exception):
    """An answer that is a refusal."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class Service:
    """What operations work on."""

    cameras: Cameras
    readers: Readers
    gate: AccessPolicy
    events: Path | None = None
    clips: Path | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one change of the cameras at a time

    def camera(self, request: Request) -> Camera:
        """The one that the path names; raises RefusedError where there is none."""
        try:
            return self.cameras[request.path_params["camera"]]
        except UsageError as error:
            raise RefusedError(404, str(error)) from None


Handler = Callable[[Service, Request], Awaitable[Response]]


async def answered(service: Service, handler: Handler, request: Request) -> Response:
    """What a handler answers; what it refuses is said in one line of JSON."""
    try:
        return await handler(service, request)
    except RefusedError as error:
        status, why = error.status, str(error)
    except (CommandError, UsageError) as error:
        status, why = 409, str(error)
    return JSONResponse({"error": redact(why)}, status)


async def body_of(request: Request, model: type[B]) -> B:
    """The body as typed data; raises RefusedError."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise RefusedError(415, "send JSON, with Content-Type: application/json")
    try:
        raw = await request.json()
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    return _typed(model, raw, "body")


def query_of(request: Request, model: type[B]) -> B:
    """The query as typed data; raises RefusedError."""
    return _typed(model, dict(request.query_params), "query")


def _typed(model: type[B], raw: Any, where: str) -> B:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        has_no_meaning = error.errors()[0]["type"] == "value_error"  # as the document wants it, and yet it cannot be
        raise RefusedError(409 if has_no_meaning else 422, f"{where}: {problem_of(model, error)}") from None


async def acknowledged(service: Service, request: Request, command: Command) -> Response:
    """The answer to a command that is all that an operation does."""
    ack = await sent(service.camera(request), command)
    return JSONResponse({"index": ack.index, "epoch": ack.epoch})


async def sent(camera: Camera, command: Command) -> Ack:
    """Have a command take effect on the next picture; raises CommandError and RefusedError."""
    future: Future[Ack] = camera.send(command)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), ANSWER_S)
    except TimeoutError:
        why = f"no picture has come for {ANSWER_S:g} s; the command takes effect on the next one"
        raise RefusedError(504, why) from None
