"""Point at something in front of a camera, and get its mask on every frame, live, for ever."""

from streamer.errors import CommandError, StreamerError, UsageError
from streamer.ports import EventSink, Sink, Source, Tracker
from streamer.types import Command, Find, Frame, Pause, Prompt, Remove, Reset, Resume, Track, TrackResult, Undo

__version__ = "0.1.0"

__all__ = [
    "Command",
    "CommandError",
    "EventSink",
    "Find",
    "Frame",
    "Pause",
    "Prompt",
    "Remove",
    "Reset",
    "Resume",
    "Sink",
    "Source",
    "StreamerError",
    "Track",
    "TrackResult",
    "Tracker",
    "Undo",
    "UsageError",
]
