"""The HTTP API: one table that serves it and documents it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from streamer.web import bodies
from streamer.web.api import cameras, events, objects, process
from streamer.web.api.service import Handler, Service, answered

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the API."""

    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[BaseModel] | str  # JSON of that, or a media type
    status: int = 200
    body: type[BaseModel] | str | None = None
    query: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.handler.__name__


CAMERA, OBJECT = "/cameras/{camera}", "/cameras/{camera}/objects/{object_id}"
OPERATIONS = (
    Operation("GET", "/cameras", cameras.list_cameras, "All cameras", bodies.CamerasAnswer),
    Operation(
        "POST",
        "/cameras",
        cameras.add_camera,
        "Add a camera",
        bodies.CameraAnswer,
        201,
        bodies.NewCameraBody,
        refusals=(409,),
    ),
    Operation("GET", CAMERA, cameras.get_camera, "One camera", bodies.CameraAnswer, refusals=(404,)),
    Operation(
        "PUT",
        CAMERA,
        cameras.change_camera,
        "Change a camera; it goes on as it was where that is refused",
        bodies.CameraAnswer,
        body=bodies.CameraBody,
        refusals=(404, 409),
    ),
    Operation("DELETE", CAMERA, cameras.remove_camera, "Remove a camera", "", 204, refusals=(404,)),
    Operation(
        "POST",
        CAMERA + "/pause",
        cameras.pause_camera,
        "Let pictures pass untracked",
        bodies.AckAnswer,
        refusals=(404, 409, 504),
    ),
    Operation(
        "POST", CAMERA + "/resume", cameras.resume_camera, "Track again", bodies.AckAnswer, refusals=(404, 409, 504)
    ),
    Operation(
        "POST",
        CAMERA + "/find",
        cameras.find_objects,
        "Look for objects now",
        bodies.AckAnswer,
        refusals=(404, 409, 504),
    ),
    Operation(
        "POST",
        CAMERA + "/prompts",
        objects.prompt,
        "Point at an object",
        bodies.AckAnswer,
        body=bodies.PromptBody,
        refusals=(404, 409, 504),
    ),
    Operation(
        "GET",
        CAMERA + "/objects",
        objects.list_objects,
        "The objects of a camera",
        bodies.ObjectsAnswer,
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        CAMERA + "/objects",
        objects.reset_objects,
        "Stop tracking all objects",
        bodies.AckAnswer,
        refusals=(404, 409, 504),
    ),
    Operation(
        "PATCH",
        OBJECT,
        objects.change_object,
        "Name an object, or give it a colour",
        bodies.ObjectAnswer,
        body=bodies.LookBody,
        refusals=(404,),
    ),
    Operation("DELETE", OBJECT, objects.remove_object, "Stop tracking an object", "", 204, refusals=(404, 409, 504)),
    Operation(
        "POST",
        OBJECT + "/undo",
        objects.undo_prompt,
        "Take the last prompt back",
        bodies.AckAnswer,
        refusals=(404, 409, 504),
    ),
    Operation(
        "GET",
        OBJECT + "/mask.png",
        objects.get_mask,
        "Where an object is in the newest picture",
        "image/png",
        refusals=(404,),
    ),
    Operation(
        "PUT",
        OBJECT + "/mask.png",
        objects.prompt_mask,
        "Show an object by its mask",
        bodies.AckAnswer,
        body="image/png",
        refusals=(404, 409, 504),
    ),
    Operation(
        "GET",
        CAMERA + "/snapshot.jpg",
        objects.get_snapshot,
        "The newest picture",
        "image/jpeg",
        query=bodies.SnapshotQuery,
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/events",
        events.list_events,
        "What happened, the newest first",
        bodies.EventsAnswer,
        query=bodies.EventsQuery,
    ),
    Operation(
        "GET", "/events/{id}/{file}", events.get_event_file, "A picture or a clip of an event", "*/*", refusals=(404,)
    ),
    Operation("GET", "/health", process.health, "Whether the server lives", bodies.HealthAnswer),
    Operation(
        "GET",
        "/ready",
        process.ready,
        "Whether every camera gives fresh pictures",
        bodies.HealthAnswer,
        refusals=(503,),
    ),
    Operation("GET", "/stats", process.stats, "The model, and what the process uses", bodies.StatsAnswer),
    Operation("GET", "/session", process.get_session, "Whether a pass is wanted, and was shown", bodies.SessionAnswer),
    Operation(
        "POST",
        "/session",
        process.log_in,
        "Log in: the answer sets a cookie",
        bodies.SessionAnswer,
        201,
        bodies.LoginBody,
    ),
    Operation("DELETE", "/session", process.log_out, "Log out", "", 204),
)


def endpoint(service: Service, operation: Operation) -> Endpoint:
    """What the server calls."""
    return partial(answered, service, operation.handler)
