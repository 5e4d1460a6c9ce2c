"""The values that flow between stages."""

from __future__ import annotations

from streamer.types.camera import CameraInfo, Position
from streamer.types.commands import Ack, Applied, Command, Find, Pause, Remove, Request, Reset, Resume, Undo, numbered
from streamer.types.frame import Frame
from streamer.types.ids import MAX_OBJECT_ID, allocate_id, checked_id
from streamer.types.prompt import MAX_POINTS, Box, Prompt
from streamer.types.tracks import Attention, Detection, MaskOrigin, State, Track, TrackResult

__all__ = [
    "MAX_OBJECT_ID",
    "MAX_POINTS",
    "Ack",
    "Applied",
    "Attention",
    "Box",
    "CameraInfo",
    "Command",
    "Detection",
    "Find",
    "Frame",
    "MaskOrigin",
    "Pause",
    "Position",
    "Prompt",
    "Remove",
    "Request",
    "Reset",
    "Resume",
    "State",
    "Track",
    "TrackResult",
    "Undo",
    "allocate_id",
    "checked_id",
    "numbered",
]
