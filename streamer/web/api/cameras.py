"""Cameras over HTTP: list, add, change, pause and remove them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from streamer.config.load import checked
from streamer.config.settings import CameraSettings
from streamer.errors import UsageError
from streamer.service.camera import Camera
from streamer.types import Find, Pause, Resume
from streamer.uris import parse, redact
from streamer.web.api.dependencies import CameraDep, Service, ServiceDep, acknowledged, require_json
from streamer.web.api.errors import responses
from streamer.web.api.objects import objects_of
from streamer.web.models import AckAnswer, CameraAnswer, CameraBody, CameraPatch, CamerasAnswer, NewCameraBody

REMOTE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "srt", "camera", "scene")
PUBLIC = {"source", "tracking", "find", "zones", "max_fps", "priority"}  # settings that HTTP shows and changes
BODY = responses(400, 413, 415)
router = APIRouter(tags=["cameras"])


@router.get("/cameras", response_model=CamerasAnswer, summary="List the cameras")
async def list_cameras(service: ServiceDep) -> Any:
    return {"cameras": [described(service, camera) for camera in service.cameras.all()]}


@router.post(
    "/cameras",
    response_model=CameraAnswer,
    status_code=201,
    summary="Add a camera",
    responses=BODY | responses(409),
    dependencies=[Depends(require_json)],
)
async def add_camera(body: NewCameraBody, service: ServiceDep) -> Any:
    settings = settings_of(body.model_dump(exclude={"name"}, exclude_none=True), {}, body.source.uri)
    async with service.changing:
        camera = await run_in_threadpool(service.cameras.add, body.name, settings)
    return described(service, camera)


@router.get("/cameras/{camera}", response_model=CameraAnswer, summary="Get a camera", responses=responses(404))
async def get_camera(camera: CameraDep, service: ServiceDep) -> Any:
    return described(service, camera)


@router.put(
    "/cameras/{camera}",
    response_model=CameraAnswer,
    summary="Replace a camera's settings; a rejected change leaves it running",
    responses=BODY | responses(404, 409),
    dependencies=[Depends(require_json)],
)
async def change_camera(body: CameraBody, camera: CameraDep, service: ServiceDep) -> Any:
    replaced = {"max_fps": None, "find": None, **body.model_dump(exclude_none=True)}
    return await _change(service, camera, replaced, body.source.uri)


@router.patch(
    "/cameras/{camera}",
    response_model=CameraAnswer,
    summary="Change some of a camera's settings; a rejected change leaves it running",
    responses=BODY | responses(404, 409),
    dependencies=[Depends(require_json)],
)
async def patch_camera(body: CameraPatch, camera: CameraDep, service: ServiceDep) -> Any:
    changed = body.model_dump(exclude_unset=True)
    nullable = {key: value for key, value in changed.items() if value is not None or key in ("find", "max_fps")}
    return await _change(service, camera, nullable, None if body.source is None else body.source.uri)


@router.delete(
    "/cameras/{camera}", status_code=204, response_class=Response, summary="Remove a camera", responses=responses(404)
)
async def remove_camera(camera: CameraDep, service: ServiceDep) -> None:
    async with service.changing:
        await run_in_threadpool(service.cameras.remove, camera.name)


@router.post(
    "/cameras/{camera}/pause",
    response_model=AckAnswer,
    summary="Pause tracking",
    responses=responses(404, 409, 504),
)
async def pause_camera(camera: CameraDep) -> Any:
    return await acknowledged(camera, Pause())


@router.post(
    "/cameras/{camera}/resume",
    response_model=AckAnswer,
    summary="Resume tracking",
    responses=responses(404, 409, 504),
)
async def resume_camera(camera: CameraDep) -> Any:
    return await acknowledged(camera, Resume())


@router.post(
    "/cameras/{camera}/find",
    response_model=AckAnswer,
    summary="Look for objects now",
    responses=responses(404, 409, 504),
)
async def find_objects(camera: CameraDep) -> Any:
    return await acknowledged(camera, Find())


async def _change(service: Service, camera: Camera, changed: dict[str, Any], uri: str | None) -> Any:
    settings = settings_of(changed, camera.settings.model_dump(exclude_unset=True), uri)
    async with service.changing:
        camera = await run_in_threadpool(service.cameras.change, camera.name, settings)
    return described(service, camera)


def settings_of(changed: dict[str, Any], before: dict[str, Any], uri: str | None) -> CameraSettings:
    """The settings `before` with the values of `changed`. The redacted address stands for the one with its password.

    Raises UsageError.
    """
    if uri is not None:
        known = before.get("source", {}).get("uri")
        if known is not None and uri == redact(known):
            changed["source"]["uri"] = known
        elif parse(uri).scheme not in REMOTE_SCHEMES:
            raise UsageError(
                f"source.uri: {redact(uri)!r:.200} cannot be opened over HTTP; {', '.join(REMOTE_SCHEMES)} can"
            )
    return checked(CameraSettings, {**before, **changed}, "body")


def described(service: Service, camera: Camera) -> dict[str, Any]:
    """A camera as the API shows it: its status, its objects, and the settings, which can be sent back."""
    settings = camera.settings.model_dump(mode="json", include=PUBLIC)
    settings["source"]["uri"] = redact(settings["source"]["uri"])
    return {
        **camera.status(),
        "objects": objects_of(camera),
        "settings": settings,
        "readers": service.readers.count(camera.name),
    }
