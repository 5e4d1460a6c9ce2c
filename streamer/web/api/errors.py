"""Errors of the HTTP API: one line of JSON, with a status that says whose mistake it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from streamer.config.load import problem_in
from streamer.config.settings import Section
from streamer.errors import StreamerError
from streamer.service.cameras import UnknownCameraError
from streamer.uris import redact
from streamer.web.models import ErrorAnswer

DESCRIPTIONS = {
    400: "The body cannot be read",
    401: "Credentials are missing",
    403: "Another origin, or a host name that is not this server's",
    404: "Not found",
    409: "The request cannot be carried out in the present state",
    413: "The body is too large",
    415: "Another media type is required",
    422: "A value is not allowed",
    429: "Too many requests",
    503: "A camera gives no frames",
    504: "No frame arrived in time",
}


BINARY = {"schema": {"type": "string", "format": "binary"}}


METHOD_NOT_ALLOWED = 405


class ApiError(Exception):
    """A request that is rejected with a status and a line."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of an operation's errors."""
    return {status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in statuses}


def media(kind: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of an answer that is no JSON."""
    return {200: {"content": {kind: BINARY}, "description": "Done"}}


def add_handlers(app: FastAPI) -> None:
    """Turn every exception into one line of JSON."""
    app.add_exception_handler(ApiError, _rejected)
    app.add_exception_handler(UnknownCameraError, lambda _, error: _answer(404, str(error)))
    app.add_exception_handler(StreamerError, lambda _, error: _answer(409, str(error)))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, lambda *_: _answer(500, "internal server error; see the server log"))


def _answer(status: int, why: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": redact(why)}, status, headers)


def _rejected(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return _answer(error.status, str(error))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return _answer(error.status_code, str(error.detail), headers)


def _allowed(request: Request) -> set[str]:
    """All methods of a path: FastAPI has a route for each, and names those of the first alone."""
    paths = request.app.openapi()["paths"]
    asked = request.url.path.split("/")
    return {
        method.upper()
        for path, methods in paths.items()
        if len(parts := path.split("/")) == len(asked)
        and all(part == given or part.startswith("{") for part, given in zip(parts, asked, strict=True))
        for method in methods
    }


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """A value that is not allowed: 400 for what is no JSON, 409 for what is valid and yet makes no sense."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    where, *path = problem["loc"] or ("body",)
    if problem["type"] == "json_invalid":
        return _answer(400, "the body is not JSON")
    status = 409 if problem["type"] == "value_error" else 422
    return _answer(status, f"{where}: {problem_in(_model_of(request), {**problem, 'loc': tuple(path)})}")


def _model_of(request: Request) -> type[Section]:
    """The model of the operation's body, for the keys that it knows."""
    field = getattr(request.scope.get("route"), "body_field", None)
    annotation = getattr(getattr(field, "field_info", None), "annotation", None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else Section
