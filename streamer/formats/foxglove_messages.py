"""Frames and masks as Foxglove's messages (package `foxglove-sdk`), which Rerun reads too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from foxglove.messages import (
    Color,
    CompressedImage,
    CompressedVideo,
    ImageAnnotations,
    Point2,
    PointsAnnotation,
    PointsAnnotationType,
    TextAnnotation,
    Timestamp,
)

from streamer.masks import colour, polygons
from streamer.types import Frame, Track

FILL_OPACITY, SEEN_OPACITY, HIDDEN_OPACITY = 0.35, 1.0, 0.4
FONT_PX = 14.0
BLACK = Color(r=0, g=0, b=0, a=0.7)


def stamp(wall_ns: int) -> Timestamp:
    return Timestamp(sec=wall_ns // 10**9, nsec=wall_ns % 10**9)


def image_message(data: bytes, kind: str, frame: Frame) -> CompressedImage:
    """A JPEG or PNG of the frame."""
    return CompressedImage(timestamp=stamp(frame.wall_ns), frame_id=frame.source, data=data, format=kind)


def video_message(data: bytes, frame: Frame) -> CompressedVideo:
    """The frame as one access unit of H.264 in Annex B."""
    return CompressedVideo(timestamp=stamp(frame.wall_ns), frame_id=frame.source, data=data, format="h264")


def annotations_message(tracks: Sequence[Track], frame: Frame, names: Mapping[int, str]) -> ImageAnnotations:
    """Outlines of the masks, filled, and for each object its id or name, state and score."""
    at = stamp(frame.wall_ns)
    outlines = [entry for track in tracks for entry in _outlines(track, at)]
    texts = [_text(track, at, names.get(track.object_id)) for track in tracks if track.box is not None]
    return ImageAnnotations(timestamp=at, circles=[], points=outlines, texts=texts)


def _outlines(track: Track, at: Timestamp) -> list[PointsAnnotation]:
    if track.box is None:
        return []
    x0, y0 = track.box[:2]
    return [
        PointsAnnotation(
            timestamp=at,
            type=PointsAnnotationType.LineLoop,
            points=[Point2(x=float(x0 + x), y=float(y0 + y)) for x, y in outline],
            outline_color=_colour(track, SEEN_OPACITY),
            fill_color=_colour(track, FILL_OPACITY),
            thickness=2.0,
        )
        for outline in polygons(_inside(track))
    ]


def _inside(track: Track) -> Any:
    x0, y0, x1, y1 = track.box or (0, 0, 0, 0)
    return track.mask[y0:y1, x0:x1].copy()


def _colour(track: Track, opacity: float) -> Color:
    red, green, blue = (value / 255 for value in colour(track.object_id))
    return Color(r=red, g=green, b=blue, a=opacity if track.state == "tracked" else opacity * HIDDEN_OPACITY)


def _text(track: Track, at: Timestamp, name: str | None) -> TextAnnotation:
    x0, y0, _, _ = track.box or (0, 0, 0, 0)
    return TextAnnotation(
        timestamp=at,
        position=Point2(x=float(x0), y=float(max(y0 - 2, FONT_PX))),
        text=f"{name or track.object_id} {track.state} {track.score:.2f}",
        font_size=FONT_PX,
        text_color=_colour(track, SEEN_OPACITY),
        background_color=BLACK,
    )


def json_schema(schema: Mapping[str, Any]) -> bytes:
    return json.dumps(schema).encode()
