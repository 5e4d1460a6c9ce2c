"""A result as plain values with its masks, and back: what MCAP files and Foxglove hold as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from streamer.masks import box_of, decode, encode
from streamer.types import Position, Track, TrackResult

INTEGER, NUMBER, TEXT = {"type": "integer"}, {"type": "number"}, {"type": "string"}
OBJECT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": INTEGER,
        "state": {"enum": ["tracked", "occluded", "lost"]},
        "score": NUMBER,
        "predicted_iou": NUMBER,
        "box": {"type": ["array", "null"], "items": INTEGER},
        "area": INTEGER,
        "position": {"type": "object", "properties": {"depth_m": NUMBER, "share": NUMBER}},
        "segmentation": {"type": "object", "properties": {"size": {"type": "array", "items": INTEGER}, "counts": TEXT}},
    },
}
SCHEMA: dict[str, Any] = {
    "title": "streamer.Result",
    "type": "object",
    "properties": {
        "source": TEXT,
        "index": INTEGER,
        "epoch": INTEGER,
        "captured_ns": INTEGER,
        "wall_ns": INTEGER,
        "recorded_ns": {"type": ["integer", "null"]},
        "tracked_ns": INTEGER,
        "pts_s": {"type": ["number", "null"]},
        "corrupt": {"type": "boolean"},
        "dropped": INTEGER,
        "gap": {"type": "array", "items": NUMBER},
        "size": {"type": "array", "items": INTEGER},
        "objects": {"type": "array", "items": OBJECT_SCHEMA},
        "commands": {"type": "array", "items": {"type": "object"}},
    },
}


def result_fields(result: TrackResult) -> dict[str, Any]:
    """A result as plain values, all but its image and its commands."""
    frame = result.frame
    return {
        "source": frame.source,
        "index": frame.index,
        "epoch": frame.epoch,
        "captured_ns": frame.captured_ns,
        "wall_ns": frame.wall_ns,
        "recorded_ns": result.recorded_ns,
        "tracked_ns": result.tracked_ns,
        "pts_s": frame.pts_s,
        "corrupt": frame.corrupt,
        "dropped": result.dropped,
        "gap": [result.gap_frames, result.gap_s],
        "size": [frame.width, frame.height],
        "objects": [track_fields(track) for track in result.tracks],
    }


def track_fields(track: Track) -> dict[str, Any]:
    """An object with its mask as COCO's run lengths over the whole frame."""
    height, width = track.mask.shape
    return {
        "id": track.object_id,
        "state": track.state,
        "score": track.score,
        "predicted_iou": track.predicted_iou,
        "box": track.box,
        "area": int(track.mask.sum()),
        "segmentation": {"size": [height, width], "counts": encode(track.mask, (0, 0, width, height), "rle").decode()},
        **({} if track.mask_from == "model" else {"mask_from": track.mask_from, "age": track.age}),
        **position_fields(track.position),
    }


def position_fields(position: Position | None) -> dict[str, Any]:
    """`position`, in metres in the camera's frame; nothing for an object without one."""
    return {} if position is None else {"position": asdict(position)}


def position_of(fields: Mapping[str, Any]) -> Position | None:
    """What `position_fields` made; raises KeyError, TypeError or ValueError."""
    given = fields.get("position")
    if given is None:
        return None
    centre, extent = (tuple(float(value) for value in given[name]) for name in ("centre_m", "extent_m"))
    if len(centre) != 3 or len(extent) != 3:
        raise ValueError("a position has three coordinates")
    return Position(float(given["depth_m"]), centre, extent, float(given["share"]))


def track_of(fields: Mapping[str, Any]) -> Track:
    """What `track_fields` made; raises KeyError, TypeError or ValueError."""
    height, width = fields["segmentation"]["size"]
    mask = decode(fields["segmentation"]["counts"].encode(), (0, 0, width, height), "rle", (width, height))
    scores = (float(fields["score"]), float(fields["predicted_iou"]))
    return Track(
        int(fields["id"]),
        mask,
        box_of(mask),
        *scores,
        fields["state"],
        position=position_of(fields),
        mask_from=fields.get("mask_from", "model"),
        age=int(fields.get("age", 0)),
    )
