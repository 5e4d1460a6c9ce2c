"""Changes of each object's state from result to result, as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamer.events.types import ObjectChange, ObjectEvent
from streamer.types import State, Track, TrackResult


@dataclass(slots=True)
class _Seen:
    state: State
    since_ns: int  # when it was last seen, by the results' `time_ns`


class ObjectStates:
    """The states of one source's objects; update it with every result, in order."""

    def __init__(self) -> None:
        self._objects: dict[int, _Seen] = {}

    def update(self, result: TrackResult) -> Sequence[ObjectEvent]:
        """The changes in this result."""
        events = [event for track in result.tracks if (event := self._track(result, track)) is not None]
        present = {track.object_id for track in result.tracks}
        for gone in self._objects.keys() - present:
            del self._objects[gone]
            events.append(_event(result, gone, "removed"))
        return events

    def _track(self, result: TrackResult, track: Track) -> ObjectEvent | None:
        now_ns = result.time_ns
        before = self._objects.get(track.object_id)
        change: ObjectChange | None = None
        if before is None:
            change = "started"
        elif before.state != track.state:
            change = "reacquired" if track.state == "tracked" else track.state
        unseen_s = 0.0 if before is None else (now_ns - before.since_ns) / 1e9
        since_ns = now_ns if before is None or track.state == "tracked" else before.since_ns
        self._objects[track.object_id] = _Seen(track.state, since_ns)
        return None if change is None else _event(result, track.object_id, change, track, unseen_s)


def _event(
    result: TrackResult, object_id: int, change: ObjectChange, track: Track | None = None, unseen_s: float = 0.0
) -> ObjectEvent:
    frame = result.frame
    return ObjectEvent(
        source=frame.source,
        object_id=object_id,
        kind=change,
        index=frame.index,
        epoch=frame.epoch,
        monotonic_ns=frame.captured_ns,
        wall_ns=frame.wall_ns,
        score=0.0 if track is None else track.score,
        predicted_iou=0.0 if track is None else track.predicted_iou,
        box=None if track is None else track.box,
        unseen_s=unseen_s,
    )
