"""What objects do at polygons and lines."""

from dataclasses import replace

import numpy as np

from streamer.config.settings import ZoneSettings
from streamer.events.counts import ZoneFigures
from streamer.events.zones import Zones
from streamer.types import Frame, Track, TrackResult

WIDTH, HEIGHT = 200, 100
DOOR = ZoneSettings(name="door", points=((0.4, 0.4), (0.6, 0.4), (0.6, 1.0), (0.4, 1.0)), dwell_s=3.0)
FENCE = ZoneSettings(name="fence", points=((0.1, 0.5), (0.9, 0.5)))  # left to right: down is to its right


def at(x: float, y: float, second: float, *, state="tracked", ids=(1,)) -> TrackResult:
    """A result in which objects stand at x, y in pixels."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame = replace(Frame.from_image(image, index=int(second * 10), source="cam"), captured_ns=int(second * 1e9))
    box = (int(x) - 5, int(y) - 20, int(x) + 5, int(y))
    mask = np.zeros((HEIGHT, WIDTH), bool)
    return TrackResult(frame, tuple(Track(number, mask, box, 0.9, 0.8, state) for number in ids))


def said(zone: ZoneSettings, *results: TrackResult) -> list[tuple[str, int]]:
    """Each event's kind with the index of its frame."""
    zones = Zones([zone])
    return [(event.kind, event.index) for result in results for event in zones.update(result)]


def test_an_object_enters_stays_once_and_leaves():
    way = [at(20, 90, 0), at(100, 90, 1), at(101, 90, 3), at(100, 90, 4.5), at(100, 90, 9), at(180, 90, 10)]
    assert said(DOOR, *way) == [("entered", 10), ("stayed", 45), ("left", 100)]


def test_the_time_in_a_zone_is_said_when_it_is_left():
    zones = Zones([DOOR])
    *_, left = [event for result in (at(100, 90, 0), at(20, 90, 7)) for event in zones.update(result)]
    assert (left.kind, left.inside_s, left.zone) == ("left", 7.0, "door")
    assert left.message == "object 1: left door after 7.0 s"


def figures(zone: ZoneSettings, *results: TrackResult) -> ZoneFigures:
    """What was counted after these results."""
    zones = Zones([zone])
    for result in results:
        zones.update(result)
    (one,) = zones.figures
    return one


def test_objects_in_out_and_inside_are_counted():
    both = [at(20, 90, 0, ids=(1, 2)), at(100, 90, 1, ids=(1, 2))]
    counted = figures(DOOR, *both, at(180, 90, 3, ids=(1,)))
    assert (counted.entered, counted.left, counted.inside) == (2, 1, 0)  # the other was removed in the zone
    assert (counted.stays, counted.dwell_s, counted.longest_s) == (2, 4.0, 2.0)
    assert figures(DOOR, *both).inside == 2


def test_an_object_that_is_lost_in_a_zone_is_not_inside_until_it_is_seen_again():
    lost, again = at(100, 90, 2, state="lost"), at(100, 90, 4)
    assert figures(DOOR, at(100, 90, 0), lost).inside == 0
    counted = figures(DOOR, at(100, 90, 0), lost, again)
    assert (counted.inside, counted.entered, counted.left) == (1, 1, 0)


def test_jitter_at_a_border_counts_nothing():
    counted = figures(FENCE, at(100, 30, 0), *[at(100, 50 + (-1) ** n, 1 + n / 10) for n in range(20)])
    assert (counted.to_left, counted.to_right) == (0, 0)


def test_crossings_of_a_line_are_counted_by_side():
    counted = figures(FENCE, at(100, 30, 0), at(100, 70, 1), at(100, 30, 2), at(100, 70, 3))
    assert (counted.to_left, counted.to_right, counted.entered, counted.inside) == (1, 2, 0, 0)


def test_what_appears_inside_has_entered_and_what_appears_outside_has_done_nothing():
    assert said(DOOR, at(100, 90, 0)) == [("entered", 0)]
    assert said(DOOR, at(20, 90, 0)) == []


def test_trembling_at_a_border_is_no_coming_and_going():
    trembling = [at(80 + (-1) ** n, 90, 1 + n / 10) for n in range(20)]
    assert said(DOOR, at(20, 90, 0), *trembling, at(100, 90, 9)) == [("entered", 90)]


def test_a_line_is_crossed_to_a_side_between_its_ends_alone():
    zones = Zones([FENCE])
    down = [event for result in (at(100, 30, 0), at(100, 70, 1)) for event in zones.update(result)]
    up = zones.update(at(100, 30, 2))
    assert [(event.kind, event.to) for event in (*down, *up)] == [("crossed", "right"), ("crossed", "left")]
    assert down[0].message == "object 1: crossed fence to the right"
    assert said(FENCE, at(5, 30, 0), at(5, 70, 1)) == []


def test_a_line_is_crossed_once_however_slowly():
    slowly = [at(100, 40 + n, n / 10) for n in range(21)]
    assert [kind for kind, _ in said(FENCE, *slowly)] == ["crossed"]


def test_what_is_not_seen_stays_where_it_was_and_what_is_removed_is_forgotten():
    hidden = at(180, 90, 1, state="occluded")
    assert said(DOOR, at(100, 90, 0), hidden, at(100, 90, 2)) == [("entered", 0)]
    assert said(DOOR, at(100, 90, 0), at(100, 90, 1, ids=()), at(100, 90, 2)) == [("entered", 0), ("entered", 20)]


def test_zones_hold_for_any_size_of_picture():
    big = at(100, 90, 0)
    small = replace(big, frame=replace(big.frame, image=np.zeros((HEIGHT * 2, WIDTH * 2, 3), np.uint8)))
    assert said(DOOR, big) == [("entered", 0)]
    assert said(DOOR, small) == []
