"""The ports between stages: what a source, a tracker, a finder and a sink have to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from streamer.channel import Channel
from streamer.events.types import Event, SourceEvent
from streamer.types import Attention, Command, Detection, Frame, Request, Track, TrackResult

if TYPE_CHECKING:
    from streamer.config.settings import TrackingSettings  # pydantic, which `import streamer` does not need


class Finder(Protocol):
    """Detects objects to track without a prompt."""

    def find(self, frame: Frame) -> Sequence[Detection]: ...


@runtime_checkable
class ObservesFrames(Protocol):
    """A finder that has to see every frame, also those on which it is not asked to find."""

    def see(self, frame: Frame) -> None: ...


@runtime_checkable
class Source(Protocol):
    """Frames in order, with what happened to the source between them.

    A `live` source produces frames whether they are read or not. `close` may be called from any
    thread, and more than once.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool: ...

    def __iter__(self) -> Iterator[Frame | SourceEvent]: ...

    def close(self) -> None: ...


@runtime_checkable
class HasStreamInfo(Protocol):
    """A source that knows its nominal frame rate (None while unknown) and its codec."""

    @property
    def nominal_fps(self) -> float | None: ...

    @property
    def codec(self) -> str: ...


@runtime_checkable
class CountsLateFrames(Protocol):
    """A source that drops frames that arrive too late, and counts them."""

    @property
    def late(self) -> int: ...


@runtime_checkable
class Persistent(Protocol):
    """A tracker that stores its objects across restarts."""

    def save(self) -> None:
        """Store the objects; raises SinkError."""


@runtime_checkable
class Tracker(Protocol):
    """One call is "these commands, on this frame", so a log of (index, commands) replays exactly."""

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands as they would take effect on `frame`, each prompt with its object's id; changes nothing.

        Further commands at the end of the list do not change the ids of those before. Raises CommandError where the
        commands cannot be carried out.
        """

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]: ...

    def describe(self) -> dict[str, Any]:
        """The model's id, input size, runtime, device and dtype."""


@runtime_checkable
class NamesObjects(Protocol):
    """A tracker that can say which objects it has, without a frame."""

    @property
    def object_ids(self) -> tuple[int, ...]: ...


@runtime_checkable
class SelectiveTracker(NamesObjects, Protocol):
    """A tracker that can look for some of its objects, and leave the others as they are."""

    def track_some(self, frame: Frame, commands: Sequence[Command], attention: Attention) -> tuple[Track, ...]:
        """As `track`, of the objects that `attention` names and of those with a prompt."""


class LiveTracker(Tracker, Protocol):
    """A tracker that outlives its source: after a reconnect it continues with the same objects."""

    def interrupt(self) -> None:
        """The next frame is after a gap, whatever its epoch."""


class TrackerEngine(Protocol):
    """One model, and the trackers that run on it; only one of them may track at a time."""

    def tracker(self, tracking: TrackingSettings | None = None) -> LiveTracker: ...

    def persistent_tracker(self, state: Path, tracking: TrackingSettings | None = None) -> LiveTracker:
        """A tracker that keeps its objects in a file; raises ModelError, or UsageError for a model without state."""

    def describe(self) -> dict[str, Any]:
        """As of its trackers."""


@runtime_checkable
class Sink(Protocol):
    """Where results go. A sink may implement `EventSink` as well."""

    def write(self, result: TrackResult) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class ModelSink(Protocol):
    """A sink that takes the model's own results too: each comes after its frame, where masks are carried in between,
    and holds the objects that the model looked for (`age` 0) with the last that is known of the others.
    """

    def write_model(self, result: TrackResult) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class EventSink(Protocol):
    """Where events go: of the source, of objects, of zones. Without a `write` it gets no results."""

    def notify(self, event: Event) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class SendsCommands(Protocol):
    """A sink whose readers may send commands back."""

    def connect(self, commands: Channel[Request]) -> None:
        """Put requests here from now on; called before the first result."""


@runtime_checkable
class NotesRun(Protocol):
    """A sink that writes down what a run was made of."""

    def begin(self, run: Mapping[str, Any]) -> None:
        """`settings`, `model` and `versions`, as plain values without passwords; called before the first result."""


AnySink = Sink | EventSink | ModelSink


@runtime_checkable
class CountsLost(Protocol):
    """A sink that continues where something cannot be written, and counts it."""

    @property
    def lost(self) -> int: ...


@runtime_checkable
class OnDemandFinder(Protocol):
    """A sink that looks for new objects at intervals, and at `now`, which may be called from any thread."""

    def now(self) -> None: ...
