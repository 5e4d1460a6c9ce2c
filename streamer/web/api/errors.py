"""Errors of the HTTP API: one line of JSON, with a status that says whose mistake it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from streamer.config.load import problem_in
from streamer.config.section import Section
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
    503: "Not available at the moment",
    504: "No frame arrived in time",
}
NOT_FOUND, METHOD_NOT_ALLOWED = 404, 405
BINARY = {"schema": {"type": "string", "format": "binary"}}


class ApiError(Exception):
    """A request that is rejected with a status and a line."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of an operation's errors."""
    return {status: {"model": ErrorAnswer, "description": DESCRIPTIONS[status]} for status in statuses}


def media(kind: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of an answer that is not JSON."""
    return {200: {"content": {kind: BINARY}, "description": "Done"}}


def add_handlers(app: FastAPI) -> None:
    """Answer every exception with one line of JSON; the handshake of a WebSocket is rejected in the same way."""
    app.add_exception_handler(ApiError, _rejected)
    app.add_exception_handler(UnknownCameraError, lambda _, error: error_answer(404, str(error)))
    app.add_exception_handler(StreamerError, lambda _, error: error_answer(409, str(error)))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, lambda *_: error_answer(500, "internal server error; see the server log"))


def error_answer(status: int, why: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as every part of the server answers it."""
    return JSONResponse({"error": redact(why)}, status, headers)


def _rejected(_: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_answer(error.status, str(error))


def _http(connection: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers, why = dict(error.headers or {}), str(error.detail)
    if error.status_code == METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(connection)))
        why = f"this path has only the methods {headers['Allow']}"
    elif error.status_code == NOT_FOUND:
        why = "there is no such path; /api/v1/openapi.json lists them"
    return error_answer(error.status_code, why, headers)


def _allowed(connection: HTTPConnection) -> set[str]:
    """All methods of a path: FastAPI has a route for each, and names only those of the first."""
    requested = connection.url.path.split("/")
    return {
        method.upper()
        for path, methods in connection.app.openapi()["paths"].items()
        if len(parts := path.split("/")) == len(requested)
        and all(part == value or part.startswith("{") for part, value in zip(parts, requested, strict=True))
        for method in methods
    }


def _invalid(connection: HTTPConnection, error: Exception) -> JSONResponse:
    """A value that is not allowed: 400 for a body that is not JSON, 409 for values that contradict each other."""
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    problem = error.errors()[0]
    where, *path = problem["loc"] or ("body",)
    if problem["type"] == "json_invalid":
        return error_answer(400, "the body is not JSON")
    status = 409 if problem["type"] == "value_error" else 422
    return error_answer(status, f"{where}: {problem_in(_model_of(connection), {**problem, 'loc': tuple(path)})}")


def _model_of(connection: HTTPConnection) -> type[Section]:
    """The model of the operation's body, for the keys that it knows."""
    field = getattr(connection.scope.get("route"), "body_field", None)
    annotation = getattr(getattr(field, "field_info", None), "annotation", None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else Section
