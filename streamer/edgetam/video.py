"""A recording's objects, pass by pass: forwards and backwards from their prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamer.config.settings import TrackingSettings
from streamer.edgetam import snapshot
from streamer.edgetam.frame_step import FrameStep
from streamer.edgetam.memory import Entry, ObjectMemory, capacity_of
from streamer.edgetam.object_table import Changes, TrackedObject
from streamer.edgetam.runtimes.port import Dated, Opaque, Recall, Runtime
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.tracking_policy import effective
from streamer.types import Command, Frame, Prompt, Track


class PassTracker:
    """The live tracker on a recording: its objects can be packed and restored one by one."""

    def __init__(self, runtime: Runtime, tracking: TrackingSettings) -> None:
        self._live = StreamingTracker(runtime, tracking)
        self.capacity = self._live.capacity

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        return self._live.track(frame, commands)

    def pack(self, object_id: int) -> bytes:
        """What is known of an object before the next frame."""
        return snapshot.pack(self._live.objects[object_id], self._live.runtime)

    def restore(self, object_id: int, data: bytes) -> None:
        """Go on with a packed object; raises ModelError for bytes of another kind."""
        live = self._live
        live.table.resume(object_id, snapshot.unpack(data, live.empty_memory(), live.runtime))


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """What a prompt on one frame makes of an object by itself."""

    track: Track
    entry: Entry  # its step is the frame's number
    since: int  # the first frame that knows of it, forwards; -1: all do, both ways


@dataclass(slots=True, eq=False)
class PropagatedMemory(ObjectMemory):
    """What transformers reads of a session: prompted frames before and after, and frames by their distance in time."""

    most: int = -1  # prompted frames that are read, the closest; -1: all
    pointer_scale: float = 1.0  # transformers dates the pointers of a short recording by its length

    def write(self, memory_tc: Opaque, pointer_c: Opaque, *, prompted: bool) -> None:
        """A frame that is seen again, on the way back, takes the place of what was remembered of it."""
        for entry in [entry for entry in self.recent if entry.step == self.step]:
            self.recent.remove(entry)
        for dated in [dated for dated in self.pointers if dated[0] == self.step]:
            self.pointers.remove(dated)
        super(PropagatedMemory, self).write(memory_tc, pointer_c, prompted=prompted)

    def recall(self) -> Recall:
        near = self._closest()
        memories: list[Dated] = [(self.capacity.recent, entry.memory_tc) for entry in near]
        others = {entry.step: entry for entry in (*self.conditioning, *self.recent) if entry not in near}
        for step in range(self.step - self.capacity.recent, self.step):
            if step in others:
                memories.append((self.step - step - 1, others[step].memory_tc))
        pointers = [(self.step - e.step, e.pointer_c) for e in self.conditioning if e.step <= self.step]
        pointers += [(self.step - s, p) for s, p in self.pointers if 0 < self.step - s <= self.capacity.pointers]
        dated = [(age * self.pointer_scale, pointer) for age, pointer in pointers]
        return Recall(memories, dated, (self.conditioning[0].memory_tc, self.conditioning[0].pointer_c))

    def _closest(self) -> list[Entry]:
        """The nearest before, the nearest after, then whichever is nearer."""
        if self.most == -1 or len(self.conditioning) <= self.most:
            return self.conditioning
        before = max((e for e in self.conditioning if e.step < self.step), key=lambda e: e.step, default=None)
        after = min((e for e in self.conditioning if e.step >= self.step), key=lambda e: e.step, default=None)
        chosen = [entry for entry in (before, after) if entry is not None]
        rest = sorted((e for e in self.conditioning if e not in chosen), key=lambda e: abs(e.step - self.step))
        return chosen + rest[: self.most - len(chosen)]


class PropagatingTracker:
    """transformers' `propagate_in_video_iterator` on one pass: each prompt alone makes a conditioning frame, and all
    frames read those before and after them.
    """

    def __init__(self, runtime: Runtime, tracking: TrackingSettings, *, count: int, backwards: bool) -> None:
        self._runtime = runtime
        self._tracking = effective(tracking, runtime.info.size)
        self._step = FrameStep(runtime, self._tracking)
        self.capacity = capacity_of(runtime.info, self._tracking.conditioning)
        self._last, self._backwards = count - 1, backwards
        most = runtime.info.pointers
        self._pointer_scale = (most - 1) / max(1, min(count, most) - 1)
        self._objects: dict[int, TrackedObject[ObjectMemory]] = {}
        self._conditioned: dict[int, Mapping[int, Conditioned]] = {}

    def condition(self, frame: Frame, prompt: Prompt, since: int = -1) -> Conditioned:
        """A prompt by itself, without any memory."""
        alone = StreamingTracker(self._runtime, self._tracking)
        (track,) = alone.track(frame, [prompt])
        entry = alone.objects[prompt.known_id].memory.conditioning[0]
        return Conditioned(track, Entry(frame.index, entry.memory_tc, entry.pointer_c), since)

    def begin(self, object_id: int, conditioned: Mapping[int, Conditioned], seeds: Sequence[bytes] = ()) -> None:
        """Track an object that is conditioned on these frames.

        Backwards it also reads what the way forwards saw after its first frame: `seeds` were packed there, the first
        when `recent` frames had passed, the last when `pointers` had.
        """
        self._objects.setdefault(object_id, TrackedObject(self._empty_memory(), None))
        self._conditioned[object_id] = conditioned
        memory = self._objects[object_id].memory
        if not seeds:
            return
        near, far = (snapshot.unpack(seeds[at], ObjectMemory(self.capacity), self._runtime).memory for at in (0, -1))
        memory.recent.extend(Entry(self._last - e.step, e.memory_tc, e.pointer_c) for e in reversed(near.recent))
        memory.pointers.extend((self._last - step, pointer) for step, pointer in reversed(far.pointers))

    def pack(self, object_id: int) -> bytes:
        """What is known of an object before the next frame."""
        return snapshot.pack(self._objects[object_id], self._runtime)

    def restore(self, object_id: int, data: bytes) -> None:
        """Go on with a packed object; raises ModelError for bytes of another kind."""
        self._objects[object_id] = snapshot.unpack(data, self._empty_memory(), self._runtime)

    def track(self, frame: Frame) -> tuple[Track, ...]:
        """Every object on this frame, in the order in which they began."""
        settled = {
            number: self._conditioned[number][frame.index].track
            for number in self._objects
            if frame.index in self._conditioned[number]
        }
        for number, tracked in self._objects.items():
            tracked.memory.step = self._step_of(frame.index)
            tracked.memory.conditioning[:] = self._known(number, frame.index)
        others = {number: tracked for number, tracked in self._objects.items() if number not in settled}
        tracks = self._step.run(frame, others, Changes()) if others else ()
        found = settled | {track.object_id: track for track in tracks}
        return tuple(found[number] for number in self._objects)

    def _known(self, number: int, index: int) -> list[Entry]:
        """The conditioning frames that a frame may know of."""
        known = [
            c for c in self._conditioned[number].values() if c.since < 0 or (c.since <= index and not self._backwards)
        ]
        return [Entry(self._step_of(c.entry.step), c.entry.memory_tc, c.entry.pointer_c) for c in known]

    def _step_of(self, index: int) -> int:
        return self._last - index if self._backwards else index

    def _empty_memory(self) -> ObjectMemory:
        """One that is read as transformers reads a session."""
        return PropagatedMemory(
            self.capacity, most=self._runtime.info.max_conditioning, pointer_scale=self._pointer_scale
        )


RecordedTracker = PassTracker | PropagatingTracker
