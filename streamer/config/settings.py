"""Settings as typed data: one place for each default, unknown keys refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from streamer.config.depth import DepthSettings
from streamer.config.limits import DAY_S, NAME_PATTERN, YEAR_S, ZONE_NAME_PATTERN, Coordinate, Share
from streamer.config.motion import MotionSettings
from streamer.config.runtimes import RuntimeName
from streamer.config.section import Section
from streamer.config.web_settings import WebSettings
from streamer.types import MAX_OBJECT_ID

CameraName = Annotated[str, Field(pattern=NAME_PATTERN)]
EventKind = Literal["entered", "left", "stayed", "crossed", "started", "occluded", "lost", "reacquired", "removed"]
MIN_AREA = 1e-4  # of the frame
MIN_SCORES = {"automatic": 0.0, "motion": 0.2}  # of detections, by method; automatic masks have the model's threshold
DETECTOR_MIN_SCORE = 0.3


class SourceSettings(Section):
    """Where frames come from, and when a live source has failed."""

    uri: str = Field(description="where frames come from: a file, a folder, camera:0, rtsp://..., scene:")
    name: CameraName | None = Field(None, description="the source's name in messages")
    reconnect: Literal["never", "after_start", "always"] = Field(
        "after_start",
        description="never: a failure ends the run; after_start: reconnect; always: may be unavailable at start-up",
    )
    stall_s: float = Field(
        5.0, gt=0, le=3600, description="seconds without a frame after which a live source has failed"
    )
    stale_s: float | None = Field(
        1.0, gt=0, le=3600, description="seconds by which a frame may be late before it is dropped; null: no limit"
    )
    frozen_s: float | None = Field(
        30.0, gt=0, le=DAY_S, description="seconds of one and the same frame after which it has failed; null: no limit"
    )
    depth: DepthSettings | None = None


class ModelSettings(Section):
    """The checkpoint, and what runs it."""

    id: str = Field(
        "nano",
        description="nano, a Hub id such as yonigozlan/EdgeTAM-hf, a folder, edgetam.pt, or still (no model)",
    )
    size: int | None = Field(
        None, ge=64, le=2048, description="side of the square input; the checkpoint's own if unset"
    )
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    runtime: RuntimeName = Field("auto", description="what runs the model")


class TrackingSettings(Section):
    """What a tracker remembers, when it calls an object lost, and what it does beyond transformers' loop."""

    conditioning: int = Field(4, ge=1, le=64, description="prompted frames that are remembered of each object")
    score_threshold: float = Field(0.5, ge=0, le=1, description="score above which an object counts as seen")
    lost_after: int = Field(
        30, ge=1, le=1_000_000, description="frames in a row without an object after which it is lost"
    )
    max_objects: int = Field(64, ge=1, le=1024, description="objects that may be tracked at a time")
    across_gap: Literal["keep", "keep_prompted", "restart"] = Field(
        "keep_prompted",
        description="memory after a gap or jump of the source: all, of prompted frames, or none (objects are lost)",
    )
    exact: bool = Field(False, description="transformers' documented loop and nothing else")
    previous_logits: bool = Field(True, description="a refinement starts from the mask just found on the same frame")
    extensions: bool | None = Field(
        None, description="search windows, beyond transformers' loop; null: with a model input of 384 pixels or less"
    )
    zoom: float | None = Field(
        2.5,
        ge=1.2,
        le=100,
        description="side of an object's search window over the object's; null: search the whole frame",
    )


class PromptSettings(Section):
    """What to track from the first frame on, in pixels of that frame."""

    object_id: int | None = Field(
        None, ge=1, le=MAX_OBJECT_ID, description="unset: a new object, with the next free id"
    )
    points: tuple[tuple[Coordinate, Coordinate, Literal[0, 1]], ...] = Field(
        (), description="x, y, and 1 on the object or 0 off it"
    )
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | Literal["truth"] | None = Field(
        None, description="x0, y0, x1, y1; truth: of a synthetic scene's object"
    )
    mask: Path | None = Field(None, description="a mask image of the frame's size; what is not black is the object")


class FindSettings(Section):
    """Objects that are tracked without a prompt."""

    method: str = Field(
        "motion", description="automatic (EdgeTAM's own masks), motion (a fixed camera), or a detector's id or folder"
    )
    labels: tuple[str, ...] = Field((), description="labels of a detector that count; a zero-shot detector needs them")
    every_s: float = Field(2.0, ge=0, le=DAY_S, description="seconds between two searches")
    min_score: float | None = Field(
        None,
        ge=0,
        le=1,
        description="score below which a detection is dropped; unset: predicted IoU by the model's config, "
        "{detector} of a detector, {motion} of a box that moves".format(**MIN_SCORES, detector=DETECTOR_MIN_SCORE),
    )
    min_area: float = Field(0.0005, ge=0, le=1, description="smallest box, as a share of the frame")
    max_area: float = Field(0.5, gt=0, le=1, description="largest box, as a share of the frame")
    region: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = Field(
        None, description="x0, y0, x1, y1 in pixels; a box counts whose centre lies in it"
    )
    overlap_threshold: float = Field(
        0.3, ge=0, le=1, description="overlap with a tracked object above which a detection counts as that object"
    )
    max_objects: int = Field(16, ge=1, le=1024, description="objects that may be tracked at a time")

    @property
    def score_threshold(self) -> float:
        """`min_score`, or the method's own."""
        return MIN_SCORES.get(self.method, DETECTOR_MIN_SCORE) if self.min_score is None else self.min_score


class ZoneSettings(Section):
    """A polygon of three points or more that objects enter, leave and stay in; or a line of two that they cross."""

    name: str = Field(pattern=ZONE_NAME_PATTERN)
    points: tuple[tuple[Share, Share], ...] = Field(min_length=2, description="x, y as shares of the frame, 0 to 1")
    dwell_s: float | None = Field(
        None, gt=0, le=YEAR_S, description="seconds in the polygon after which the event `stayed` is raised"
    )

    @field_validator("points")
    @classmethod
    def _has_an_extent(cls, points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if len(set(points)) < len(points):
            raise ValueError("a point is there twice; a polygon closes by itself")
        if len(points) > 2 and _area(points) < MIN_AREA:
            raise ValueError("the polygon has no area")
        return points

    @property
    def is_line(self) -> bool:
        """Whether it is crossed, and not entered."""
        return len(self.points) == 2


class PrivacySettings(Section):
    """What is hidden in every frame that reaches a sink, the page or the API. It fails closed."""

    hide: Literal["objects", "all-but-objects"] = Field(
        description="objects: the tracked objects; all-but-objects: everything else"
    )
    style: Literal["solid", "blur", "pixels", "background"] = Field(
        "solid", description="what hidden pixels show: a colour, a blur, large pixels, or the same part of `background`"
    )
    colour: str = Field("#202020", pattern=r"^#[0-9a-fA-F]{6}$", description="of solid, #rrggbb")
    background: Path | None = Field(None, description="an image file, scaled to the frame; needed by style background")
    margin: float = Field(0.08, ge=0, le=1, description="around each object, as a share of its longer side")
    max_age_ms: float = Field(
        500.0,
        gt=0,
        le=60_000,
        description="while an object is not seen, its last box is hidden, widened; after this time the whole frame",
    )
    show_without_objects: bool = Field(
        False, description="with hide: objects, show frames on which nothing is tracked; otherwise they are hidden"
    )

    @model_validator(mode="after")
    def _has_a_background(self) -> PrivacySettings:
        if (self.style == "background") != (self.background is not None):
            raise ValueError("style background and a background image go together")
        return self


class KeySettings(Section):
    """CURVE keys for sockets that other machines may connect to."""

    secret: Path = Field(description="this side's secret key, from `streamer keys new NAME`")
    clients: Path = Field(description="a folder with the .key files of the clients that may connect")


class PipelineSettings(Section):
    """One source, and everything that is done with its frames."""

    source: SourceSettings
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    motion: MotionSettings = Field(default_factory=MotionSettings)
    prompts: tuple[PromptSettings, ...] = Field((), description="objects to track from the first frame on")
    find: FindSettings | None = Field(None, description="track objects without a prompt")
    zones: tuple[ZoneSettings, ...] = Field((), description="polygons and lines that raise events")
    privacy: PrivacySettings | None = Field(None, description="what is hidden in frames; unset: nothing")
    sinks: tuple[str, ...] = Field((), description="where results go: FILE.mp4, zmq:tcp://127.0.0.1:5555, ...")
    control: str | None = Field(None, description="endpoint that listens for commands, such as tcp://127.0.0.1:5556")
    state: Path | None = Field(None, description="a file in which objects survive a restart")
    max_fps: float | None = Field(
        None, ge=0.01, le=1000, description="fps of a live source above which frames are skipped"
    )


class Settings(PipelineSettings):
    """Everything of one run."""

    model: ModelSettings = Field(default_factory=ModelSettings)
    keys: KeySettings | None = Field(None, description="needed where other machines may connect")
    seconds: float | None = Field(None, gt=0, le=YEAR_S, description="end after this time")
    frames: int | None = Field(None, ge=1, le=2**53, description="end after this number of tracked frames")


class CameraSourceSettings(SourceSettings):
    """A camera among others need not be there yet."""

    reconnect: Literal["never", "after_start", "always"] = "always"


class CameraSettings(PipelineSettings):
    """One of several cameras."""

    source: CameraSourceSettings
    priority: float = Field(1.0, ge=0.01, le=100, description="share of the engine while several cameras wait for it")


class EventSettings(Section):
    """Where events are stored, and where they are delivered."""

    file: Path = Field(Path("out/events.sqlite"), description="an SQLite database")
    days: float = Field(30.0, gt=0, le=36500, description="age after which events and clips are deleted")
    max_size_mb: float = Field(
        500.0, gt=0, le=1e9, description="size of the file above which the oldest events are deleted"
    )
    webhook: str | None = Field(None, description="a URL that each event is posted to")
    mqtt: str | None = Field(None, description="mqtt://HOST/TOPIC")
    mqtt_discovery: str | None = Field(
        None,
        pattern=r"^[\w/-]{1,64}$",
        description="Home Assistant's discovery prefix, usually `homeassistant`: events then go to TOPIC/SOURCE",
    )
    clips: Path | None = Field(Path("out/clips"), description="a folder for clips of events; null: none")
    clips_max_size_mb: float = Field(2000.0, gt=0, le=1e9, description="size above which the oldest clips are deleted")
    before_s: float = Field(3.0, ge=0, le=30, description="seconds of a clip before its event")
    after_s: float = Field(3.0, ge=0, le=60, description="seconds of a clip after its event")
    clip_kinds: tuple[EventKind, ...] = Field(
        ("entered", "left", "stayed", "crossed", "lost", "reacquired"), description="events that get a clip"
    )


class ServeSettings(Section):
    """Everything of `streamer serve`."""

    cameras: dict[CameraName, CameraSettings] = Field(default_factory=dict)
    model: ModelSettings = Field(default_factory=ModelSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    events: EventSettings | None = Field(default_factory=EventSettings)
    privacy: PrivacySettings | None = Field(
        None, description="of cameras without privacy settings of their own, also of those added over HTTP"
    )
    keys: KeySettings | None = Field(None, description="for sinks and control that other machines may connect to")


def _area(points: Sequence[tuple[float, float]]) -> float:
    """Of a polygon, by Gauss's formula."""
    pairs = zip(points, (*points[1:], points[0]), strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2
