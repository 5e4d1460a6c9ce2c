"""Zones and lines: objects enter, leave, stay and cross.

An object's position is the bottom centre of its box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from streamer.config.settings import ZoneSettings
from streamer.events.counts import ZoneFigures
from streamer.events.types import PlaceChange, PlaceEvent
from streamer.types import Track, TrackResult

HYSTERESIS = 0.01  # of the frame's diagonal: within it of a border an object keeps its side, so jitter raises no events
Point = tuple[float, float]


@dataclass(slots=True)
class _Presence:
    """Of one object at one zone."""

    side: int  # 1 in the polygon, or to the right of the line, seen from its first point; -1 otherwise
    at: Point  # the last position that was clearly on that side, in shares of the frame
    since_ns: int
    has_stayed: bool = False

    def inside_s(self, result: TrackResult) -> float:
        """Seconds since it came to this side."""
        return (result.time_ns - self.since_ns) / 1e9


@dataclass(slots=True)
class Zones:
    """Presence of one source's objects in its zones; update it with every result, in order.

    An object that is not seen keeps its last position. Seconds are those of the results' `time_ns`.
    """

    zones: Sequence[ZoneSettings]
    figures: tuple[ZoneFigures, ...] = ()  # in the order of the zones; another tuple after each update
    _known: dict[tuple[str, int], _Presence] = field(default_factory=dict)

    def update(self, result: TrackResult) -> list[PlaceEvent]:
        """The events that this result raises."""
        present = {track.object_id for track in result.tracks}
        removed = {key: self._known.pop(key) for key in list(self._known) if key[1] not in present}
        seen = [track for track in result.tracks if track.state == "tracked" and track.box is not None]
        events = [event for track in seen for zone in self.zones for event in self._look(result, track, zone)]
        self._count(result, events, removed)
        return events

    def _count(
        self, result: TrackResult, events: Sequence[PlaceEvent], removed: Mapping[tuple[str, int], _Presence]
    ) -> None:
        lost = {track.object_id for track in result.tracks if track.state == "lost"}
        figures = self.figures or tuple(ZoneFigures(zone.name) for zone in self.zones)
        polygons = {zone.name for zone in self.zones if not zone.is_line}
        self.figures = tuple(
            one.after(
                events,
                [
                    each.inside_s(result)
                    for (zone, _), each in removed.items()
                    if each.side > 0 and zone == one.zone in polygons
                ],
                sum(
                    presence.side > 0 and object_id not in lost
                    for (zone, object_id), presence in self._known.items()
                    if zone == one.zone in polygons
                ),
            )
            for one in figures
        )

    def _look(self, result: TrackResult, track: Track, zone: ZoneSettings) -> list[PlaceEvent]:
        width, height, now_ns = result.frame.width, result.frame.height, result.time_ns
        at, key = stands(track, width, height), (zone.name, track.object_id)
        distance = distance_px(zone, at, width, height)
        if abs(distance) <= HYSTERESIS * float(np.hypot(width, height)) and key in self._known:
            return self._stay(result, track, zone)
        side, before = (1 if distance > 0 else -1), self._known.get(key)
        if before is not None and before.side == side:
            before.at = at
            return self._stay(result, track, zone)
        self._known[key] = _Presence(side, at, now_ns)
        if zone.is_line:
            crossed = before is not None and crosses(before.at, at, zone)
            return [_event(result, track, zone, "crossed", 0.0, side)] if crossed else []
        if before is None and side < 0:
            return []
        inside_s = 0.0 if before is None or side > 0 else (now_ns - before.since_ns) / 1e9
        return [_event(result, track, zone, "entered" if side > 0 else "left", inside_s)]

    def _stay(self, result: TrackResult, track: Track, zone: ZoneSettings) -> list[PlaceEvent]:
        presence = self._known[zone.name, track.object_id]
        inside_s = presence.inside_s(result)
        if zone.is_line or zone.dwell_s is None or presence.side < 0 or presence.has_stayed or inside_s < zone.dwell_s:
            return []
        presence.has_stayed = True
        return [_event(result, track, zone, "stayed", inside_s)]


def stands(track: Track, width: int, height: int) -> Point:
    """An object's position, in shares of the frame."""
    assert track.box is not None
    x0, _, x1, y1 = track.box
    return (x0 + x1) / 2 / width, y1 / height


def distance_px(zone: ZoneSettings, at: Point, width: int, height: int) -> float:
    """Pixels to the border, above 0 in a polygon or to the right of a line (on the screen, going along it)."""
    corners = np.array(zone.points, np.float32) * (width, height)
    x, y = at[0] * width, at[1] * height
    if not zone.is_line:
        return float(cv2.pointPolygonTest(corners.astype(np.float32), (x, y), measureDist=True))
    (ax, ay), (bx, by) = corners
    return float(((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / max(np.hypot(bx - ax, by - ay), 1e-9))


def crosses(before: Point, now: Point, zone: ZoneSettings) -> bool:
    """Whether the path between two points on different sides crosses the line between its end points."""
    a, b = zone.points
    return _turn(before, now, a) * _turn(before, now, b) <= 0


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _event(
    result: TrackResult, track: Track, zone: ZoneSettings, change: PlaceChange, inside_s: float, side: int = 0
) -> PlaceEvent:
    frame = result.frame
    return PlaceEvent(
        source=frame.source,
        zone=zone.name,
        object_id=track.object_id,
        kind=change,
        index=frame.index,
        epoch=frame.epoch,
        monotonic_ns=frame.captured_ns,
        wall_ns=frame.wall_ns,
        score=track.score,
        box=track.box,
        inside_s=inside_s,
        to=None if side == 0 else "right" if side > 0 else "left",
    )
