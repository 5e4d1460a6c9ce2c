"""What happens to sources and objects, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cause = Literal[
    "refused",  # nothing listens there
    "not_found",  # no such host, path, file or camera
    "auth",  # a wrong user or password
    "tls",  # a certificate that is not to be trusted
    "timeout",  # no answer while connecting
    "stalled",  # connected, and then no picture for longer than the limit
    "ended",  # the peer closed a live stream
    "corrupt",  # what comes is no video, or broken beyond decoding
    "frozen",  # the same picture for longer than the limit
    "codec",  # another codec than before, or one that cannot be decoded here
    "unplugged",  # the camera is gone
    "resized",  # the pictures have another size now
    "clock",  # the stream's own time jumped
    "looped",  # a recording began again
    "failed",  # anything else
]


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """A live source failed, came back, or went on with a discontinuity."""

    source: str
    kind: Literal["lost", "restored", "jumped"]
    cause: Cause
    message: str  # one line for a person
    epoch: int  # of the frames that follow
    monotonic_ns: int
    wall_ns: int
    gap_s: float = 0.0  # `restored`: seconds without a picture


ObjectChange = Literal[
    "started",  # first result with it
    "occluded",  # not seen any more
    "lost",  # not seen for longer than the rules allow, or forgotten across a gap
    "reacquired",  # seen again
    "removed",  # no longer looked for
]


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """What became of an object on one frame."""

    source: str
    object_id: int
    kind: ObjectChange
    index: int  # of the frame
    epoch: int
    monotonic_ns: int  # when the frame was captured
    wall_ns: int
    score: float  # the model's belief that it is in the picture, 0 to 1
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
    score: float  # the model's belief that the object is in the picture, 0 to 1
    box: tuple[int, int, int, int] | None
    inside_s: float = 0.0  # `left`, `stayed`: seconds in the zone
    to: Literal["left", "right"] | None = None  # `crossed`: to which side of somebody who goes along the line

    @property
    def message(self) -> str:
        """One line for a person."""
        more = f" to the {self.to}" if self.to else f" after {self.inside_s:.1f} s" if self.inside_s else ""
        return f"object {self.object_id}: {self.kind} {self.zone}{more}"


Event = SourceEvent | ObjectEvent | PlaceEvent
