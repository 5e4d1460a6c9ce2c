"""The application: the page, the API, results over WebSockets, and metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from streamer import __version__
from streamer.web.access import COOKIE, AccessMiddleware
from streamer.web.api import PREFIX, router
from streamer.web.api.dependencies import Service
from streamer.web.api.errors import add_handlers
from streamer.web.metrics import CONTENT_TYPE, PrometheusMetrics

PAGE = Path(__file__).parent / "page"
SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


def build_app(service: Service, metrics: PrometheusMetrics) -> FastAPI:
    """Everything that is served, behind the access middleware."""
    app = FastAPI(
        title="streamer",
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    app.state.service = service
    add_handlers(app)
    app.include_router(router())
    _add_pages(app, metrics)
    app.add_middleware(AccessMiddleware, policy=service.access)
    _add_security(app)
    return app


def _add_pages(app: FastAPI, metrics: PrometheusMetrics) -> None:
    """The routes outside the API: the page and the metrics."""

    async def index(_: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def login(_: Request) -> Response:
        return FileResponse(PAGE / "login.html")

    async def metrics_text(_: Request) -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app.add_route("/", index, include_in_schema=False)
    app.add_route("/login", login, include_in_schema=False)
    app.add_route("/metrics", metrics_text, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE))


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_security(app: FastAPI) -> None:
    """Document the credentials, which the middleware checks before FastAPI sees a request."""
    openapi = app.openapi

    def documented() -> dict[str, Any]:
        document = openapi()
        document.setdefault("components", {})["securitySchemes"] = SECURITY
        document["security"] = [{}, *({name: []} for name in SECURITY)]
        return document

    app.openapi = documented  # type: ignore[method-assign]
