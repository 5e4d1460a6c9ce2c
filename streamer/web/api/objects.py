"""Objects of a camera over HTTP: prompts, names, removal, masks and snapshots."""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from streamer.masks import png_size
from streamer.service.camera import Camera
from streamer.service.looks import Look
from streamer.types import Prompt, Remove, Reset, Undo
from streamer.video.jpeg import jpeg_of
from streamer.video.overlay import overlay_jpeg_of
from streamer.web.api.dependencies import CameraDep, LatestDep, acknowledged, require_json, send
from streamer.web.api.errors import BINARY, ApiError, media, responses
from streamer.web.models import (
    AckAnswer,
    LookBody,
    ObjectAnswer,
    ObjectId,
    ObjectsAnswer,
    PromptBody,
    SnapshotQuery,
)

OBJECT = "/cameras/{camera}/objects/{object_id}"
BODY = responses(400, 413, 415)
router = APIRouter(tags=["objects"])


@router.post(
    "/cameras/{camera}/prompts",
    response_model=AckAnswer,
    summary="Point at an object",
    responses=BODY | responses(404, 409, 504),
    dependencies=[Depends(require_json)],
)
async def prompt(body: PromptBody, camera: CameraDep) -> Any:
    known = {entry["id"] for entry in objects_of(camera)}
    ack = await acknowledged(camera, Prompt(body.object_id, body.points, body.labels, body.box, mode=body.mode))
    if ack.object_id is not None and ack.object_id not in known:
        camera.looks.forget(ack.object_id)  # of an earlier object with this id
    return ack


@router.get(
    "/cameras/{camera}/objects",
    response_model=ObjectsAnswer,
    summary="List the objects of a camera",
    responses=responses(404),
)
async def list_objects(camera: CameraDep) -> Any:
    return {"objects": objects_of(camera)}


@router.delete(
    "/cameras/{camera}/objects",
    response_model=AckAnswer,
    summary="Stop tracking all objects",
    responses=responses(404, 409, 504),
)
async def reset_objects(camera: CameraDep) -> Any:
    return await acknowledged(camera, Reset())


@router.patch(
    OBJECT,
    response_model=ObjectAnswer,
    summary="Name an object, or give it a colour",
    responses=BODY | responses(404),
    dependencies=[Depends(require_json)],
)
async def change_object(object_id: ObjectId, body: LookBody, camera: CameraDep) -> Any:
    require_object(camera, object_id)
    await run_in_threadpool(camera.looks.set, object_id, Look(body.name, body.colour))
    return next(entry for entry in objects_of(camera) if entry["id"] == object_id)


@router.delete(
    OBJECT,
    status_code=204,
    response_class=Response,
    summary="Stop tracking an object",
    responses=responses(404, 409, 504),
)
async def remove_object(object_id: ObjectId, camera: CameraDep) -> None:
    require_object(camera, object_id)
    await send(camera, Remove(object_id))


@router.post(
    OBJECT + "/undo",
    response_model=AckAnswer,
    summary="Undo the last prompt of an object",
    responses=responses(404, 409, 504),
)
async def undo_prompt(object_id: ObjectId, camera: CameraDep) -> Any:
    return await acknowledged(camera, Undo(object_id))


@router.get(
    OBJECT + "/mask.png",
    response_class=Response,
    summary="The mask of an object in the newest frame",
    responses=media("image/png") | responses(404),
)
async def get_mask(object_id: ObjectId, latest: LatestDep) -> Response:
    for track in latest.tracks:
        if track.object_id == object_id:
            png = await run_in_threadpool(cv2.imencode, ".png", track.mask.view(np.uint8) * 255)
            return Response(png[1].tobytes(), media_type="image/png")
    raise ApiError(404, f"object {object_id} is not tracked")


@router.put(
    OBJECT + "/mask.png",
    response_model=AckAnswer,
    summary="Prompt an object with its mask",
    responses=responses(404, 409, 413, 504),
    openapi_extra={"requestBody": {"required": True, "content": {"image/png": BINARY}}},
)
async def prompt_mask(object_id: ObjectId, request: Request, camera: CameraDep, latest: LatestDep) -> Any:
    png, frame = await request.body(), latest.frame
    size = png_size(png)
    if size is not None and size != (frame.width, frame.height):  # before it is decoded
        raise ApiError(409, f"the mask is {size[0]} x {size[1]}, the frame {frame.width} x {frame.height}")
    mask = None if size is None else await run_in_threadpool(_decode_mask, png)
    if mask is None:
        raise ApiError(422, "the body is not a PNG of the frame's size; pixels that are not black are the object")
    return await acknowledged(camera, Prompt(object_id, mask=mask, mode="replace"))


@router.get(
    "/cameras/{camera}/snapshot.jpg",
    response_class=Response,
    summary="The newest frame",
    responses=media("image/jpeg") | responses(404),
)
async def get_snapshot(latest: LatestDep, query: Annotated[SnapshotQuery, Query()]) -> Response:
    frame = latest.frame
    if query.overlay:
        jpeg = await run_in_threadpool(overlay_jpeg_of, latest)
    else:
        jpeg = await run_in_threadpool(jpeg_of, frame)
    headers = {"X-Frame-Index": str(frame.index), "X-Captured-Ns": str(frame.wall_ns)}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def objects_of(camera: Camera) -> list[dict[str, Any]]:
    """The state of a camera's objects, with their names and colours."""
    return [
        {**entry, "name": (look := camera.looks.get(entry["id"])).name, "colour": look.colour}
        for entry in camera.status().get("objects", [])
    ]


def require_object(camera: Camera, object_id: int) -> None:
    """Raises ApiError unless the camera tracks the object."""
    if not any(entry["id"] == object_id for entry in objects_of(camera)):
        raise ApiError(404, f"object {object_id} is not tracked")


def _decode_mask(png: bytes) -> np.ndarray | None:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if image is None else image > 0
