"""Events of sources, objects and zones, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cause = Literal[
    "refused",  # nothing listens at the address
    "not_found",  # no such host, path, file or camera
    "auth",  # a wrong user or password
    "tls",  # a certificate that is not trusted
    "timeout",  # no answer while connecting
    "stalled",  # connected, and then no frame for longer than the limit
    "ended",  # the peer closed a live stream
    "corrupt",  # the data is no video, or too damaged to decode
    "frozen",  # the same image for longer than the limit
    "codec",  # the codec changed, or cannot be decoded here
    "unplugged",  # the camera was removed
    "resized",  # the frame size changed
    "clock",  # the stream's timestamps jumped
    "looped",  # a recording started over
    "failed",  # anything else
]


SourceChange = Literal["lost", "restored", "jumped"]


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """A live source failed, was restored, or continued with a discontinuity."""

    source: str
    kind: SourceChange
    cause: Cause
    message: str  # one line for a person
    epoch: int  # of the frames that follow
    monotonic_ns: int
    wall_ns: int
    gap_s: float = 0.0  # `restored`: seconds without a frame


ObjectChange = Literal[
    "started",  # the first result with this object
    "occluded",  # no longer seen
    "lost",  # not seen for longer than `lost_after`, or forgotten across a gap
    "reacquired",  # seen again
    "removed",  # no longer tracked
]


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """A change of an object's state on one frame."""

    source: str
    object_id: int
    kind: ObjectChange
    index: int  # of the frame
    epoch: int
    monotonic_ns: int  # when the frame was captured
    wall_ns: int
    score: float  # the model's presence score, 0 to 1
    predicted_iou: float  # 0 to 1
    box: tuple[int, int, int, int] | None
    unseen_s: float = 0.0  # since it was last seen

    @property
    def message(self) -> str:
        """One line for a person."""
        unseen = f" after {self.unseen_s:.1f} s" if self.kind == "reacquired" else ""
        return f"object {self.object_id}: {self.kind}{unseen}, score {self.score:.2f}"


PlaceChange = Literal["entered", "left", "stayed", "crossed"]


@dataclass(frozen=True, slots=True)
class PlaceEvent:
    """What an object did at a zone or a line on one frame."""

    source: str
    zone: str  # its name
    object_id: int
    kind: PlaceChange
    index: int  # of the frame
    epoch: int
    monotonic_ns: int  # when the frame was captured
    wall_ns: int
    score: float  # the model's presence score, 0 to 1
    box: tuple[int, int, int, int] | None
    inside_s: float = 0.0  # `left`, `stayed`: seconds in the zone
    to: Literal["left", "right"] | None = None  # `crossed`: the side, seen along the line from its first point

    @property
    def message(self) -> str:
        """One line for a person."""
        more = f" to the {self.to}" if self.to else f" after {self.inside_s:.1f} s" if self.inside_s else ""
        return f"object {self.object_id}: {self.kind} {self.zone}{more}"


Event = SourceEvent | ObjectEvent | PlaceEvent
