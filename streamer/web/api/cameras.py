"""Cameras over HTTP: listed, added, changed, paused and removed."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streamer.config.load import checked
from streamer.config.settings import CameraSettings
from streamer.errors import UsageError
from streamer.service.camera import Camera
from streamer.types import Find, Pause, Resume
from streamer.uris import parse, redact
from streamer.web import bodies
from streamer.web.api.objects import objects_of
from streamer.web.api.service import Service, acknowledged, body_of

REMOTE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "srt", "camera", "scene")


async def list_cameras(service: Service, _: Request) -> Response:
    return JSONResponse({"cameras": [_camera(service, camera) for camera in service.cameras.all()]})


async def add_camera(service: Service, request: Request) -> Response:
    body = await body_of(request, bodies.NewCameraBody)
    settings = _settings(body, None)
    async with service.changing:
        camera = await run_in_threadpool(service.cameras.add, body.name, settings)
    return JSONResponse(_camera(service, camera), 201)


async def get_camera(service: Service, request: Request) -> Response:
    return JSONResponse(_camera(service, service.camera(request)))


async def change_camera(service: Service, request: Request) -> Response:
    camera = service.camera(request)
    settings = _settings(await body_of(request, bodies.CameraBody), camera.settings)
    async with service.changing:
        camera = await run_in_threadpool(service.cameras.change, camera.name, settings)
    return JSONResponse(_camera(service, camera))


async def remove_camera(service: Service, request: Request) -> Response:
    name = service.camera(request).name
    async with service.changing:
        await run_in_threadpool(service.cameras.remove, name)
    return Response(status_code=204)


async def pause_camera(service: Service, request: Request) -> Response:
    return await acknowledged(service, request, Pause())


async def resume_camera(service: Service, request: Request) -> Response:
    return await acknowledged(service, request, Resume())


async def find_objects(service: Service, request: Request) -> Response:
    return await acknowledged(service, request, Find())


def _settings(body: bodies.CameraBody, now: CameraSettings | None) -> CameraSettings:
    """A camera's settings: what is sent, and the rest as it is now. An address as it is shown stands for itself."""
    uri = body.source.uri
    if now is not None and uri == redact(now.source.uri):
        uri = now.source.uri
    elif parse(uri).scheme not in REMOTE_SCHEMES:
        raise UsageError(
            f"source.uri: {redact(uri)!r:.200} cannot be opened from elsewhere; {', '.join(REMOTE_SCHEMES)} can"
        )
    raw: dict[str, Any] = {} if now is None else now.model_dump(exclude_unset=True)
    sent = body.model_dump(exclude={"name"}, exclude_none=True)
    sent["source"] = {**body.source.model_dump(), "uri": uri}
    return checked(CameraSettings, {**raw, "max_fps": None, "find": None, **sent}, "body")


def _camera(service: Service, camera: Camera) -> dict[str, Any]:
    status = camera.status()
    settings = camera.settings.model_dump(
        mode="json", include={"source", "tracking", "find", "zones", "max_fps", "priority"}
    )
    settings["source"]["uri"] = redact(settings["source"]["uri"])
    return {
        **status,
        "objects": objects_of(camera),
        "settings": settings,
        "readers": service.readers.count(camera.name),
    }
