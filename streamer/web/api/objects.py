"""Objects of a camera over HTTP: pointed at, named, removed, and their masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from streamer.masks import overlay, png_size
from streamer.service.camera import Camera, Look
from streamer.types import Prompt, Remove, Reset, TrackResult, Undo
from streamer.video.jpeg import encode_jpeg
from streamer.web import bodies
from streamer.web.api.service import RefusedError, Service, acknowledged, body_of, query_of, sent


async def list_objects(service: Service, request: Request) -> Response:
    return JSONResponse({"objects": objects_of(service.camera(request))})


async def reset_objects(service: Service, request: Request) -> Response:
    return await acknowledged(service, request, Reset())


async def prompt(service: Service, request: Request) -> Response:
    body = await body_of(request, bodies.PromptBody)
    camera = service.camera(request)
    command = Prompt(body.object_id, body.points, body.labels, body.box, mode=body.mode)
    ack = await sent(camera, command)
    return JSONResponse({"object_id": ack.object_ids[0], "index": ack.index, "epoch": ack.epoch})


async def prompt_mask(service: Service, request: Request) -> Response:
    png, frame = await request.body(), _latest(service, request).frame
    size = png_size(png)
    if size is not None and size != (frame.width, frame.height):  # before it is unpacked
        raise RefusedError(409, f"the mask is {size[0]} x {size[1]}, the picture {frame.width} x {frame.height}")
    mask = None if size is None else await run_in_threadpool(_unpacked, png)
    if mask is None:
        raise RefusedError(422, "the body is no PNG of the picture's size; what is not black is the object")
    return await acknowledged(service, request, Prompt(_id(request), mask=mask, mode="replace"))


async def undo_prompt(service: Service, request: Request) -> Response:
    return await acknowledged(service, request, Undo(_id(request)))


async def change_object(service: Service, request: Request) -> Response:
    body = await body_of(request, bodies.LookBody)
    camera, object_id = service.camera(request), _id(request)
    _known(camera, object_id)
    camera.looks[object_id] = Look(body.name, body.colour)
    return JSONResponse(next(entry for entry in objects_of(camera) if entry["id"] == object_id))


async def remove_object(service: Service, request: Request) -> Response:
    camera, object_id = service.camera(request), _id(request)
    _known(camera, object_id)
    await sent(camera, Remove(object_id))
    camera.looks.pop(object_id, None)
    return Response(status_code=204)


async def get_mask(service: Service, request: Request) -> Response:
    result = _latest(service, request)
    for track in result.tracks:
        if track.object_id == _id(request):
            png = await run_in_threadpool(cv2.imencode, ".png", track.mask.view(np.uint8) * 255)
            return Response(png[1].tobytes(), media_type="image/png")
    raise RefusedError(404, f"object {_id(request)} is not tracked")


async def get_snapshot(service: Service, request: Request) -> Response:
    query, result = query_of(request, bodies.SnapshotQuery), _latest(service, request)
    image = overlay(result.frame.image, result.tracks) if query.overlay else result.frame.image
    headers = {"X-Frame-Index": str(result.frame.index), "X-Captured-Ns": str(result.frame.wall_ns)}
    return Response(await run_in_threadpool(encode_jpeg, image), media_type="image/jpeg", headers=headers)


def objects_of(camera: Camera) -> list[dict[str, Any]]:
    """What is known of a camera's objects, with the names and colours that were given to them."""
    objects = camera.status().get("objects", [])
    none = Look()
    return [
        {**entry, "name": (look := camera.looks.get(entry["id"], none)).name, "colour": look.colour}
        for entry in objects
    ]


def _latest(service: Service, request: Request) -> TrackResult:
    """The newest result of a camera."""
    camera = service.camera(request)
    feed = service.readers.feeds.get(camera.name)
    if feed is None or feed.latest is None:
        raise RefusedError(404, f"camera {camera.name} has given no picture yet")
    return feed.latest


def _unpacked(png: bytes) -> np.ndarray | None:
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    return None if image is None else image > 0


def _id(request: Request) -> int:
    return int(request.path_params["object_id"])


def _known(camera: Camera, object_id: int) -> None:
    if not any(entry["id"] == object_id for entry in objects_of(camera)):
        raise RefusedError(404, f"object {object_id} is not tracked")
