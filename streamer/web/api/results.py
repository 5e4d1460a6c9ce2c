"""Results of a camera over a WebSocket, and as Motion JPEG."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, WebSocket

from streamer.web.api.dependencies import CameraDep, Service, ServiceDep
from streamer.web.api.errors import ApiError, media, responses
from streamer.web.feed import ImageFormat, Variant
from streamer.web.mjpeg import MjpegResponse
from streamer.web.models import SnapshotQuery
from streamer.web.readers import MAX_READERS

MAX_WIDTH = 16384  # pixels
router = APIRouter(tags=["results"])


@router.websocket("/cameras/{camera}/results")
async def stream_results(
    websocket: WebSocket,
    camera: CameraDep,
    service: ServiceDep,
    images: ImageFormat = "jpeg",
    width: Annotated[int | None, Query(ge=1, le=MAX_WIDTH)] = None,
) -> None:
    _require_place(service)
    allowed = partial(service.access.allows, websocket.headers)
    await service.readers.serve(websocket, camera.name, Variant.of(images, width), allowed)


@router.get(
    "/cameras/{camera}/stream.mjpeg",
    response_class=Response,
    summary="Motion JPEG of the newest frames",
    responses=media("multipart/x-mixed-replace") | responses(404, 503),
)
async def get_stream(
    camera: CameraDep, service: ServiceDep, request: Request, query: Annotated[SnapshotQuery, Query()]
) -> Response:
    _require_place(service)
    if service.readers.latest(camera.name) is None:
        raise ApiError(404, f"camera {camera.name} has given no frame yet")
    allowed = partial(service.access.allows, request.headers)
    return MjpegResponse(service.readers, camera.name, with_overlay=query.overlay, allowed=allowed)


def _require_place(service: Service) -> None:
    if service.readers.are_full:
        raise ApiError(503, f"{MAX_READERS} readers are connected, the most there can be; try again later")
