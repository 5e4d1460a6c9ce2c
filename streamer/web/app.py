"""The application: the page, the API, results over WebSockets, and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from streamer.web import exposition
from streamer.web.access import AccessMiddleware, TooLargeError
from streamer.web.api import OPERATIONS, Endpoint, endpoint
from streamer.web.api.service import Service
from streamer.web.exposition import Exposition
from streamer.web.feed import Pictures, Variant
from streamer.web.openapi import PREFIX, document

PAGE = Path(__file__).parent / "page"
POLICY = 1008


def app(service: Service, metrics: Exposition) -> Starlette:
    """Everything that is served, behind the gate."""
    described = document()

    async def results(websocket: WebSocket) -> None:
        pictures, width = websocket.query_params.get("pictures", "jpeg"), websocket.query_params.get("width", "")
        if pictures not in get_args(Pictures) or (width and not (width.isdecimal() and len(width) < 6)):
            await websocket.close(POLICY, f"pictures is one of {', '.join(get_args(Pictures))}, width a number")
            return
        variant = Variant.of(pictures, int(width) if width else None)  # type: ignore[arg-type] # one of them
        await service.readers.serve(websocket, websocket.path_params["camera"], variant)

    async def index(_: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def login(_: Request) -> Response:
        return FileResponse(PAGE / "login.html")

    async def openapi(_: Request) -> Response:
        return JSONResponse(described)

    async def exposed(_: Request) -> Response:
        return Response(metrics.text(), headers={"Content-Type": exposition.CONTENT_TYPE})

    routes: list[BaseRoute] = [
        Route("/", index),
        Route("/login", login),
        Route("/metrics", exposed),
        Route(f"{PREFIX}/openapi.json", openapi),
        WebSocketRoute(f"{PREFIX}/cameras/{{camera}}/results", results),
        *_routes(service),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    handlers: dict[Any, Any] = {HTTPException: _refused, TooLargeError: _too_large, Exception: _failed}
    return Starlette(
        routes=routes, exception_handlers=handlers, middleware=[Middleware(AccessMiddleware, gate=service.gate)]
    )


def _routes(service: Service) -> list[BaseRoute]:
    """One for each path, so that another method is told what there is."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = endpoint(service, operation)
    return [Route(PREFIX + _typed(path), _chosen(of), methods=list(of)) for path, of in by_path.items()]


def _chosen(of: Mapping[str, Endpoint]) -> Endpoint:
    async def chosen(request: Request) -> Response:
        return await of["GET" if request.method == "HEAD" else request.method](request)

    return chosen


def _typed(path: str) -> str:
    return path.replace("{object_id}", "{object_id:int}").replace("{id}", "{id:int}")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "this is a mistake of the server; its log says more"}, 500)


async def _too_large(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "the body is too large"}, 413)
