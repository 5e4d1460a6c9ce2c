"""Events as plain fields: what is published, stored and delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
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


def named_fields(event: Event, name_of: Callable[[int], str | None]) -> dict[str, Any]:
    """The fields with the name that a user gave the object, also in the message."""
    fields = event_fields(event)
    if isinstance(event, SourceEvent) or (name := name_of(event.object_id)) is None:
        return fields
    return fields | {"name": name, "message": fields["message"].replace(f"object {event.object_id}", name, 1)}


def event_of(fields: Mapping[str, Any], monotonic_ns: int) -> Event:
    """The event that `event_fields` made these of; raises TypeError or KeyError."""
    kind = PlaceEvent if "zone" in fields else ObjectEvent if "object_id" in fields else SourceEvent
    values = dict(fields) | {"kind": fields["event"], "monotonic_ns": monotonic_ns}
    if values.get("box") is not None:
        values["box"] = tuple(values["box"])
    names = {field.name for field in fields_of(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})
