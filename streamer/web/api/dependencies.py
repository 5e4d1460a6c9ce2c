"""Dependencies of the HTTP API: the service, a camera by its name, and commands with their acknowledgements."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from streamer.config.settings import CameraName
from streamer.service.camera import Camera
from streamer.service.cameras import Cameras
from streamer.types import Ack, Command, TrackResult
from streamer.web.access import AccessPolicy
from streamer.web.api.errors import ApiError
from streamer.web.models import AckAnswer
from streamer.web.readers import Readers

ACK_TIMEOUT_S = 10.0  # for a frame that takes a command


@dataclass(slots=True)
class Service:
    """The objects that operations work on."""

    cameras: Cameras
    readers: Readers
    access: AccessPolicy
    events: Path | None = None
    clips: Path | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one change of the cameras at a time


async def get_service(connection: HTTPConnection) -> Service:
    """The service of this application, for requests and WebSockets."""
    service: Service = connection.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


async def get_camera(camera: CameraName, service: ServiceDep) -> Camera:
    """The camera of the path; UnknownCameraError becomes a 404."""
    return service.cameras[camera]


CameraDep = Annotated[Camera, Depends(get_camera)]


async def get_latest(camera: CameraDep, service: ServiceDep) -> TrackResult:
    """The newest result of the camera of the path."""
    latest = service.readers.latest(camera.name)
    if latest is None:
        raise ApiError(404, f"camera {camera.name} has given no frame yet")
    return latest


LatestDep = Annotated[TrackResult, Depends(get_latest)]


async def require_json(request: Request) -> None:
    """Reject a body that is not declared as JSON: a page of another site can send other types without a preflight."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ApiError(415, "send JSON, with Content-Type: application/json")


async def send(camera: Camera, command: Command) -> Ack:
    """Apply a command on the next frame; raises CommandError and ApiError."""
    future = camera.send(command)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), ACK_TIMEOUT_S)
    except TimeoutError:
        why = f"no frame has arrived for {ACK_TIMEOUT_S:g} s; the command was withdrawn: send it again"
        raise ApiError(504, why) from None


async def acknowledged(camera: Camera, command: Command) -> AckAnswer:
    """Apply a command on the next frame; the answer of an operation that does nothing else."""
    ack = await send(camera, command)
    assert ack.index is not None
    assert ack.epoch is not None
    return AckAnswer(object_id=next(iter(ack.object_ids), None), index=ack.index, epoch=ack.epoch)
