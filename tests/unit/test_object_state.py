"""What is said of objects between results."""

from dataclasses import replace

from streamer.events.object_state import ObjectStates
from streamer.events.types import ObjectChange
from streamer.types import State, TrackResult
from tests.fakes import picture, track


def changes(*states_by_frame: dict[int, State]) -> list[list[tuple[int, ObjectChange]]]:
    """The events of results in which objects have these states."""
    changes, said = ObjectStates(), []
    for index, states in enumerate(states_by_frame):
        tracks = tuple(replace(track(object_id), state=state, score=0.25) for object_id, state in states.items())
        frame = replace(picture(index), captured_ns=index * 1_000_000_000)
        said.append([(event.object_id, event.kind) for event in changes.update(TrackResult(frame, tracks))])
    return said


def test_an_object_starts_hides_is_lost_and_returns():
    states: list[State] = ["tracked", "tracked", "occluded", "occluded", "lost", "lost", "tracked"]
    assert changes(*({1: state} for state in states)) == [
        [(1, "started")],
        [],
        [(1, "occluded")],
        [],
        [(1, "lost")],
        [],
        [(1, "reacquired")],
    ]


def test_what_is_no_longer_there_was_removed_and_others_are_not_disturbed():
    assert changes({1: "tracked", 2: "tracked"}, {2: "tracked"}, {2: "tracked", 1: "tracked"}) == [
        [(1, "started"), (2, "started")],
        [(1, "removed")],
        [(1, "started")],
    ]


def test_an_event_says_how_long_it_was_unseen_with_the_models_own_score():
    tracker = ObjectStates()
    seen: list[State] = ["tracked", "occluded", "occluded", "tracked"]
    for second, state in enumerate(seen):
        frame = replace(picture(second), captured_ns=second * 1_000_000_000)
        events = tracker.update(TrackResult(frame, (replace(track(4), state=state, score=0.125 * second),)))
    (back,) = events
    assert (back.kind, back.unseen_s, back.score, back.index) == ("reacquired", 3.0, 0.375, 3)
    assert back.message == "object 4: reacquired after 3.0 s, score 0.38"
