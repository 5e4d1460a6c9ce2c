"""The tracking stage: requests are accepted at a frame, take effect on it, and are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from streamer.channel import Channel
from streamer.errors import CommandError
from streamer.pipeline.acknowledgements import NOTHING, Acknowledgements
from streamer.pipeline.motion_stage import MotionStage
from streamer.pipeline.recording_clock import RecordingClock
from streamer.ports import NamesObjects, OnDemandFinder, SelectiveTracker, Tracker
from streamer.types import Ack, Applied, Command, Find, Frame, Pause, Prompt, Request, Resume, Track, TrackResult
from streamer.video.depth import located


class TrackStage:
    """Owned by the tracking thread. `first` takes effect on the first frame, requests on the next one.

    `recording` is the clock of a recording; a live source has none. `motion` says which objects need a step most.
    """

    def __init__(
        self,
        tracker: Tracker,
        commands: Channel[Request],
        finders: Sequence[OnDemandFinder],
        first: Sequence[Command],
        clock_ns: Callable[[], int],
        recording: RecordingClock | None = None,
        motion: MotionStage | None = None,
    ) -> None:
        self.paused = False
        self._tracker = tracker
        self._commands = commands
        self._finders = finders
        self._first = tuple(first)
        self._clock_ns = clock_ns
        self._waiting: list[Request] = []
        self._recording = recording
        self._motion = motion
        self.acknowledgements = NOTHING  # of the last step: with carried masks they wait for a result that is shown
        self._applied: list[Applied] = []  # since the last result
        self._last: tuple[int, int] | None = None  # index and time in ns of the last tracked frame
        self._epoch: int | None = None
        self._known: dict[int, Track] = {}  # the last track of each object

    def collect(self) -> None:
        """Read the requests that have come; the next `step` takes them."""
        self._waiting += self._commands.drain()

    @property
    def needs_engine(self) -> bool:
        """Whether the next step runs the model: a camera without objects and requests costs the engine nothing."""
        if self._waiting or self._first or not isinstance(self._tracker, NamesObjects):
            return True
        return not self.paused and bool(self._tracker.object_ids)

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects of the last step."""
        return tuple(self._known)

    def step(self, frame: Frame, dropped: int, *, collect: bool = True) -> TrackResult | None:
        """Apply the requests to this frame, and track it; None while paused. Without `collect` newer ones wait."""
        if collect:
            self.collect()
        recorded_ns = None if self._recording is None else self._recording.update(frame)
        requests, commands = self._accept(frame)
        first, self._first = self._first, ()
        self.paused = paused_after(self.paused, commands)
        if commands:
            self._applied.append(Applied(frame.index, frame.epoch, commands))
        started_ns = self._clock_ns()
        if any(isinstance(command, Find) for command in commands):
            for finder in self._finders:
                finder.now()
        for_tracker = _for_tracker(commands)
        idle = self.paused and not for_tracker  # commands beside a pause take effect before it
        tracks = () if idle else located(frame, self._track(frame, for_tracker))
        tracked_ns = self._clock_ns()
        acknowledgements = _acknowledgements(requests, commands[len(first) :], frame)
        if idle or self._motion is None:
            acknowledgements.send()
        else:
            self.acknowledgements = acknowledgements
        if idle:
            return None
        if self._motion is not None:
            self._motion.measured((tracked_ns - started_ns) / 1e6, sum(track.age == 0 for track in tracks))
        timings_ms = {
            "queue": (started_ns - frame.captured_ns) / 1e6,
            "track": (tracked_ns - started_ns) / 1e6,
        }
        return self._result(frame, tracks, dropped, tracked_ns, timings_ms, recorded_ns)

    def _result(
        self,
        frame: Frame,
        tracks: tuple[Track, ...],
        dropped: int,
        tracked_ns: int,
        timings_ms: dict[str, float],
        recorded_ns: int | None,
    ) -> TrackResult:
        """With what passed since the last result: frames, time and commands."""
        time_ns = frame.captured_ns if recorded_ns is None else recorded_ns
        applied, self._applied = tuple(self._applied), []
        (last_index, last_ns), self._last = self._last or (frame.index, time_ns), (frame.index, time_ns)
        return TrackResult(
            frame=frame,
            tracks=tracks,
            dropped=dropped,
            gap_frames=max(0, frame.index - last_index - 1),
            gap_s=(time_ns - last_ns) / 1e9,
            tracked_ns=tracked_ns,
            timings_ms=timings_ms,
            applied=applied,
            recorded_ns=recorded_ns,
        )

    def _track(self, frame: Frame, commands: Sequence[Command]) -> tuple[Track, ...]:
        """The tracks of all objects; objects that were not searched for are unchanged, and older."""
        same_epoch, self._epoch = self._epoch in (None, frame.epoch), frame.epoch
        if self._motion is None or not isinstance(self._tracker, SelectiveTracker) or not same_epoch:
            tracks = self._tracker.track(frame, commands)
            self._known = {track.object_id: track for track in tracks}
            return tracks
        prompted = {command.known_id for command in commands if isinstance(command, Prompt)}
        attention = self._motion.attention(self._tracker.object_ids, prompted)
        fresh = {track.object_id: track for track in self._tracker.track_some(frame, commands, attention)}
        passed = 1 if self._last is None else frame.index - self._last[0]
        self._known = {
            object_id: fresh.get(object_id) or _older(self._known[object_id], passed)
            for object_id in self._tracker.object_ids
            if object_id in fresh or object_id in self._known
        }
        return tuple(self._known.values())

    def reject_all(self, reason: str) -> None:
        """Answer every request that waits."""
        for request in self._waiting + self._commands.drain():
            request.reply(Ack(error=reason))

    def _accept(self, frame: Frame) -> tuple[list[Request], tuple[Command, ...]]:
        """The requests that take effect on this frame, and all commands with their objects' ids.

        The others are rejected, or wait for the next frame.
        """
        accepted: list[Request] = []
        later: list[Request] = []
        commands = self._numbered(frame, self._first)
        prompted = Request(commands, lambda _: None).prompted_ids
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            if request.withdrawn():
                continue
            if later or request.prompted_ids & prompted:
                later.append(request)  # one prompt for an object on a frame; the order of requests is kept
                continue
            try:
                self._check_state((*commands, *request.commands), request)
                commands = self._numbered(frame, (*commands, *request.commands))
            except CommandError as error:
                request.reply(Ack(error=str(error)))
                continue
            accepted.append(request)
            prompted |= request.prompted_ids
        self._waiting = later
        return accepted, commands

    def _check_state(self, commands: Sequence[Command], request: Request) -> None:
        """Raise CommandError where this run, as it is, cannot carry out a request at the end of `commands`."""
        if paused_after(self.paused, commands) and not all(map(_is_switch, request.commands)):
            raise CommandError("tracking is paused; send resume first")
        if not self._finders and any(isinstance(command, Find) for command in request.commands):
            raise CommandError("this run has nothing that finds objects; start it with --find")

    def _numbered(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands as the tracker will carry them out; raises CommandError."""
        checked = iter(self._tracker.check(frame, _for_tracker(commands)))
        return tuple(
            command if _is_switch(command) or isinstance(command, Find) else next(checked) for command in commands
        )


def _acknowledgements(requests: Sequence[Request], commands: Sequence[Command], frame: Frame) -> Acknowledgements:
    """The ids of each request's prompts; `commands` are those of all requests."""
    at, answers = 0, []
    for request in requests:
        own = commands[at : at + len(request.commands)]
        at += len(request.commands)
        ids = (command.object_id for command in own if isinstance(command, Prompt))
        answers.append((request, tuple(i for i in ids if i is not None)))
    return Acknowledgements(frame, tuple(answers))


def _older(track: Track, frames: int) -> Track:
    return replace(track, age=track.age + frames, logits=None)


def _for_tracker(commands: Sequence[Command]) -> list[Command]:
    return [command for command in commands if not isinstance(command, Pause | Resume | Find)]


def _is_switch(command: Command) -> bool:
    return isinstance(command, Pause | Resume)


def paused_after(paused: bool, commands: Sequence[Command]) -> bool:
    """Whether tracking is paused after these commands."""
    for command in commands:
        if _is_switch(command):
            paused = isinstance(command, Pause)
    return paused
