"""What happened at a zone, in numbers: objects in and out, objects inside now, and how long they stayed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from streamer.events.types import PlaceEvent


@dataclass(frozen=True, slots=True)
class ZoneFigures:
    """Of one polygon or line since the run began. Immutable, for any thread.

    An object that enters twice counts twice; hysteresis at the border keeps jitter from counting.
    """

    zone: str
    entered: int = 0  # a polygon
    left: int = 0
    inside: int = 0  # objects in it now, without lost ones
    to_left: int = 0  # crossings of a line, seen along it from its first point
    to_right: int = 0
    stays: int = 0  # that ended, as the object left or was removed
    dwell_s: float = 0.0  # of these stays together
    longest_s: float = 0.0  # of these stays

    def after(self, events: Iterable[PlaceEvent], removed_s: Sequence[float], inside: int) -> ZoneFigures:
        """With the events of one result, the stays of objects removed in the zone, and the number of objects inside."""
        own = [event for event in events if event.zone == self.zone]
        ended_s = [event.inside_s for event in own if event.kind == "left"] + list(removed_s)
        return replace(
            self,
            entered=self.entered + sum(event.kind == "entered" for event in own),
            left=self.left + sum(event.kind == "left" for event in own),
            inside=inside,
            to_left=self.to_left + sum(event.to == "left" for event in own),
            to_right=self.to_right + sum(event.to == "right" for event in own),
            stays=self.stays + len(ended_s),
            dwell_s=self.dwell_s + sum(ended_s),
            longest_s=max([self.longest_s, *ended_s]),
        )

    def fields(self) -> dict[str, Any]:
        """As it is published."""
        return asdict(self) | {"dwell_s": round(self.dwell_s, 3), "longest_s": round(self.longest_s, 3)}


@dataclass(frozen=True, slots=True)
class CountRow:
    """What happened at one zone of one source in one interval, from stored events."""

    since_ns: int  # Unix time
    source: str
    zone: str
    entered: int
    left: int
    to_left: int
    to_right: int
    mean_dwell_s: float | None  # of the objects that left; None: none left
    longest_dwell_s: float | None

    def fields(self) -> dict[str, Any]:
        """As it is published: `since` in ISO 8601, UTC."""
        since = datetime.fromtimestamp(self.since_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        numbers = {key: value for key, value in asdict(self).items() if key != "since_ns"}
        for key in ("mean_dwell_s", "longest_dwell_s"):
            numbers[key] = None if numbers[key] is None else round(numbers[key], 3)
        return {"since": since, **numbers}


def csv_of(rows: Sequence[CountRow]) -> str:
    """The rows as CSV with a header line (RFC 4180)."""
    text = io.StringIO()
    columns = ["since", *(name for name in CountRow.__dataclass_fields__ if name != "since_ns")]
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(row.fields() for row in rows)
    return text.getvalue()
