"""Events as plain fields: what is published, stored and delivered."""

from __future__ import annotations

from typing import Any

from streamer.events.types import Event, ObjectEvent, PlaceEvent, SourceEvent


def event_fields(event: Event) -> dict[str, Any]:
    """The published fields of an event; an object's events have its `object_id`."""
    own: tuple[str, ...]
    match event:
        case SourceEvent():
            own = ("cause", "gap_s")
        case ObjectEvent():
            own = ("object_id", "index", "score", "predicted_iou", "box", "unseen_s")
        case PlaceEvent():
            own = ("zone", "object_id", "index", "score", "box", "inside_s", "to")
    names = ("source", "epoch", "wall_ns", "message", *own)
    return {"event": event.kind} | {name: getattr(event, name) for name in names}
