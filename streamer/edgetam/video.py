"""A recording's objects, pass by pass: forwards and backwards from what was pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam import snapshot
from streamer.edgetam.memory import Capacity, Entry, ObjectMemory
from streamer.edgetam.runtimes.choose import Runtime
from streamer.edgetam.tracker import StreamingTracker, TrackedObject
from streamer.edgetam.weights import Checkpoint
from streamer.errors import CommandError
from streamer.types import Frame, Prompt, Track


class PassTracker(StreamingTracker):
    """The live tracker on a recording: as good as live, and what it knows can be kept and given back."""

    @property
    def capacity(self) -> Capacity:
        """How much is remembered of each object."""
        return self._capacity

    def pack(self, object_id: int) -> bytes:
        """What is known of an object before the next frame."""
        return snapshot.pack(self._objects[object_id])

    def restore(self, object_id: int, data: bytes) -> None:
        """Go on with an object where it was kept; raises ModelError for what was kept by something else."""
        self._objects[object_id] = snapshot.unpack(data, self.empty_memory(), self.checkpoint.device)


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

    def write(self, memory_tc: torch.Tensor, pointer_c: torch.Tensor, *, prompted: bool) -> None:
        """A frame that is seen again, on the way back, takes the place of what was remembered of it."""
        for entry in [entry for entry in self.recent if entry.step == self.step]:
            self.recent.remove(entry)
        for dated in [dated for dated in self.pointers if dated[0] == self.step]:
            self.pointers.remove(dated)
        super(PropagatedMemory, self).write(memory_tc, pointer_c, prompted=prompted)

    def readable(self, oldest_row: int) -> tuple[list[tuple[float, torch.Tensor]], list[tuple[float, torch.Tensor]]]:
        near = self._closest()
        memories: list[tuple[float, torch.Tensor]] = [(oldest_row, entry.memory_tc) for entry in near]
        others = {entry.step: entry for entry in (*self.conditioning, *self.recent) if entry not in near}
        for step in range(self.step - self.capacity.recent, self.step):
            if step in others:
                memories.append((self.step - step - 1, others[step].memory_tc))
        pointers = [(self.step - e.step, e.pointer_c) for e in self.conditioning if e.step <= self.step]
        pointers += [(self.step - s, p) for s, p in self.pointers if 0 < self.step - s <= self.capacity.pointers]
        return memories, [(age * self.pointer_scale, pointer) for age, pointer in pointers]

    def _closest(self) -> list[Entry]:
        """The nearest before, the nearest after, then whichever is nearer."""
        if self.most == -1 or len(self.conditioning) <= self.most:
            return self.conditioning
        before = max((e for e in self.conditioning if e.step < self.step), key=lambda e: e.step, default=None)
        after = min((e for e in self.conditioning if e.step >= self.step), key=lambda e: e.step, default=None)
        chosen = [entry for entry in (before, after) if entry is not None]
        rest = sorted((e for e in self.conditioning if e not in chosen), key=lambda e: abs(e.step - self.step))
        return chosen + rest[: self.most - len(chosen)]


class PropagatingTracker(PassTracker):
    """transformers' `propagate_in_video_iterator` on one pass: each prompt alone makes a conditioning frame, and all
    frames read those before and after them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        tracking: TrackingSettings,
        runtime: Runtime | None,
        *,
        count: int,
        backwards: bool,
    ) -> None:
        super().__init__(checkpoint, tracking, runtime)
        self._last = count - 1
        self._backwards = backwards
        most = self._config.max_object_pointers_in_encoder
        self._pointer_scale = (most - 1) / max(1, min(count, most) - 1)
        self._conditioned: dict[int, Mapping[int, Conditioned]] = {}

    def condition(self, frame: Frame, prompt: Prompt, since: int = -1) -> Conditioned:
        """A prompt by itself, without any memory."""
        alone = StreamingTracker(self.checkpoint, self.tracking, self.runtime)
        (track,) = alone.track(frame, [prompt])
        entry = alone._objects[prompt.known_id].memory.conditioning[0]
        return Conditioned(track, Entry(frame.index, entry.memory_tc, entry.pointer_c), since)

    def begin(self, object_id: int, conditioned: Mapping[int, Conditioned], seeds: Sequence[bytes] = ()) -> None:
        """Track an object that is conditioned on these frames.

        Backwards it also reads what the way forwards saw after its first frame: `seeds` were kept there, the first
        when `recent` frames had passed, the last when `pointers` had.
        """
        self._objects.setdefault(object_id, TrackedObject(self.empty_memory(), None))
        self._conditioned[object_id] = conditioned
        memory = self._objects[object_id].memory
        if not seeds:
            return
        near, far = (
            snapshot.unpack(seeds[at], ObjectMemory(self._capacity), self.checkpoint.device).memory for at in (0, -1)
        )
        memory.recent.extend(Entry(self._last - e.step, e.memory_tc, e.pointer_c) for e in reversed(near.recent))
        memory.pointers.extend((self._last - step, pointer) for step, pointer in reversed(far.pointers))

    def track(self, frame: Frame, commands: Sequence[object] = ()) -> tuple[Track, ...]:
        """Every object on this frame, in the order in which they began; what is asked for was asked for before."""
        if commands:
            raise CommandError("propagated objects are conditioned before their pass")
        everybody = self._objects
        settled = {
            number: self._conditioned[number][frame.index].track
            for number in everybody
            if frame.index in self._conditioned[number]
        }
        for number, tracked in everybody.items():
            tracked.memory.step = self._step_of(frame.index)
            tracked.memory.conditioning[:] = self._known(number, frame.index)
        self._objects = {number: tracked for number, tracked in everybody.items() if number not in settled}
        try:
            found = {track.object_id: track for track in super().track(frame)}
        finally:
            self._objects = everybody
        return tuple((settled | found)[number] for number in everybody)

    def _known(self, number: int, index: int) -> list[Entry]:
        """The conditioning frames that a frame may know of."""
        known = [
            c for c in self._conditioned[number].values() if c.since < 0 or (c.since <= index and not self._backwards)
        ]
        return [Entry(self._step_of(c.entry.step), c.entry.memory_tc, c.entry.pointer_c) for c in known]

    def _step_of(self, index: int) -> int:
        return self._last - index if self._backwards else index

    def empty_memory(self) -> ObjectMemory:
        """One that is read as transformers reads a session."""
        return PropagatedMemory(self._capacity, most=self._config.max_cond_frame_num, pointer_scale=self._pointer_scale)
