"""Bodies, queries and answers of the HTTP API as typed data; FastAPI makes the OpenAPI document of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from streamer.config.limits import Coordinate
from streamer.config.section import Section, is_text
from streamer.config.settings import (
    CameraName,
    FindSettings,
    SourceSettings,
    TrackingSettings,
    ZoneSettings,
)
from streamer.types import MAX_OBJECT_ID, MAX_POINTS

ObjectId = Annotated[int, Field(ge=1, le=MAX_OBJECT_ID)]
EventId = Annotated[int, Field(ge=1, le=2**63 - 1)]
EventFile = Literal["snapshot.jpg", "mask.png", "clip.mp4"]
Text = Annotated[str, Field(min_length=1, max_length=64)]


class Body(Section):
    """What comes over the network: its text must be valid, because answers repeat it."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_valid_text(cls, value: Any) -> Any:
        if not is_text(value):
            raise PydanticCustomError("text_type", "must be text in UTF-8, without null characters")
        return value


class RemoteSource(Body, SourceSettings):
    """A source that may be set over HTTP: addresses and devices, no files of the server."""

    uri: str = Field(
        min_length=1, max_length=2048, description="rtsp://, rtsps://, rtmp://, http://, https://, camera:N or scene:"
    )
    reconnect: Literal["never", "after_start", "always"] = "always"
    stall_s: float = Field(5.0, gt=0, le=3600)
    stale_s: float | None = Field(1.0, gt=0, le=3600)
    frozen_s: float | None = Field(30.0, gt=0, le=86400)
    depth: None = Field(None, description="for the configuration file alone: it names files of the server")


class RemoteFind(Body, FindSettings):
    """A finder that may be set over HTTP: detectors are loaded from the configuration file alone."""

    method: Literal["automatic", "motion"] = "motion"
    every_s: float = Field(2.0, ge=0.1, le=3600)
    max_objects: int = Field(16, ge=1, le=64)


class CameraBody(Body):
    """A camera that may be set over HTTP. What it writes and hides is for the configuration file alone."""

    source: RemoteSource
    tracking: TrackingSettings | None = Field(None, description="unset: unchanged; for a new camera the defaults")
    find: RemoteFind | None = None
    zones: tuple[ZoneSettings, ...] = Field((), max_length=64)
    max_fps: float | None = Field(None, ge=0.01, le=1000)
    priority: float = Field(1.0, ge=0.01, le=100)


class NewCameraBody(CameraBody):
    """A camera and its name."""

    name: CameraName


class CameraPatch(Body):
    """The settings of a camera that change; the others stay."""

    source: RemoteSource | None = None
    tracking: TrackingSettings | None = None
    find: RemoteFind | None = Field(None, description="null: no finder")
    zones: tuple[ZoneSettings, ...] | None = Field(None, max_length=64)
    max_fps: float | None = Field(None, ge=0.01, le=1000, description="null: no limit")
    priority: float | None = Field(None, ge=0.01, le=100)


class PromptBody(Body):
    """What a user pointed at, in pixels of the frame: clicks, a box, or both."""

    object_id: ObjectId | None = Field(None, description="unset: a new object")
    points: tuple[tuple[Coordinate, Coordinate], ...] = Field((), max_length=MAX_POINTS, description="x, y")
    labels: tuple[Literal[0, 1], ...] = Field((), max_length=MAX_POINTS, description="1 on the object, 0 off it")
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = Field(None, description="x0, y0, x1, y1")
    mode: Literal["refine", "replace"] = "refine"


class LookBody(Body):
    """An object's name and colour; null: its id, and a colour of its own."""

    name: Text | None = None
    colour: str | None = Field(None, pattern="^#[0-9a-f]{6}$")


class LoginBody(Body):
    """A token, or a user and a password."""

    token: str | None = Field(None, max_length=256)
    user: str | None = Field(None, max_length=64)
    password: str | None = Field(None, max_length=256)


class Parameters(BaseModel):
    """Parameters of a query, which come as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EventsQuery(Parameters):
    """A selection of events."""

    camera: CameraName | None = None
    before: EventId | None = Field(None, description="only events with a lower id")
    limit: int = Field(50, ge=1, le=500)


def _not_a_number(value: Any) -> Any:
    """Reject seconds since 1970, which pydantic takes for a time and the schema's `date-time` does not."""
    if isinstance(value, str) and value.strip().lstrip("+-").replace(".", "", 1).isdigit():
        raise PydanticCustomError(
            "moment_type", "input should be ISO 8601 with a time zone, such as 2026-01-31T12:00:00Z"
        )
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_not_a_number)]


class SessionQuery(Parameters):
    """Who asks."""

    origin: str | None = Field(None, max_length=300, description="of the page: the answer says whether it is rejected")


class CountsQuery(Parameters):
    """A selection of counts."""

    camera: CameraName | None = None
    since: Moment | None = Field(None, description="ISO 8601 with a time zone; unset: all that is stored")
    until: Moment | None = None
    every_s: float = Field(3600.0, ge=1, le=31_536_000, description="seconds of an interval")


class SnapshotQuery(Parameters):
    """What a snapshot shows."""

    overlay: bool = False


class Answer(BaseModel):
    """More may be added."""

    model_config = ConfigDict(extra="allow")


class ErrorAnswer(Answer):
    """Why a request was rejected, in one line."""

    error: str


class AckAnswer(Answer):
    """The frame on which commands took effect, and the object that was prompted."""

    object_id: int | None = None
    index: int
    epoch: int


class ObjectAnswer(Answer):
    """One object."""

    id: int
    state: Literal["tracked", "occluded", "lost"]
    score: float
    name: str | None
    colour: str | None


class ObjectsAnswer(Answer):
    """The objects of a camera."""

    objects: list[ObjectAnswer]


class CameraAnswer(Answer):
    """The current state of a camera."""

    name: str
    state: Literal["running", "failed", "ended", "stopped"]
    error: str | None
    live: bool
    paused: bool
    uri: str
    settings: dict[str, Any]


class CamerasAnswer(Answer):
    """All cameras."""

    cameras: list[CameraAnswer]


class EventAnswer(Answer):
    """An event; `files` lists the files that exist."""

    id: int
    event: str
    source: str
    wall_ns: int
    message: str
    files: list[EventFile]


class EventsAnswer(Answer):
    """Events, the newest first."""

    events: list[EventAnswer]


class CountAnswer(Answer):
    """What happened at one zone of one camera in one interval."""

    since: str
    source: str
    zone: str
    entered: int
    left: int
    to_left: int
    to_right: int
    mean_dwell_s: float | None
    longest_dwell_s: float | None


class CountsAnswer(Answer):
    """Counts, the oldest interval first."""

    counts: list[CountAnswer]


class HealthAnswer(Answer):
    """Whether the server runs, and whether every camera gives frames."""

    status: Literal["ok", "waiting"]


class SessionAnswer(Answer):
    """Whether credentials are required, and whether they were sent."""

    required: bool
    authenticated: bool
    rejected: str | None = None


class StatsAnswer(Answer):
    """The model, and what this process uses."""

    model: dict[str, Any]
    resident_mb: float
    cameras: int
    readers: int
