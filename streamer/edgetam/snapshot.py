"""What a tracker knows, as bytes and as a file: for runs that go on after an interruption."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

import streamer
from streamer.edgetam.memory import Entry, ObjectMemory
from streamer.edgetam.object_table import TrackedObject
from streamer.edgetam.runtimes.port import Floats, Opaque, Runtime
from streamer.edgetam.search_window import SearchWindow
from streamer.edgetam.tracker import EVERYTHING, StreamingTracker
from streamer.errors import ModelError, SinkError
from streamer.process.files import write_atomically
from streamer.types import Attention, Command, Frame, Track

log = logging.getLogger(__name__)
FORMAT = 2  # raise it when what is written changes
EVERY_S = 5.0
MAX_KNOWN = 4096  # ids that a file names


class Snapshot:
    """A tracker whose objects are written to a file every few seconds, and at the end; a `Tracker` itself.

    Objects that were tracked before a restart keep their ids, and ids are not given twice. Raises ModelError for the
    file of another model or version.
    """

    def __init__(self, tracker: StreamingTracker, file: Path, every_s: float = EVERY_S) -> None:
        self._tracker = tracker
        self._file = file
        self._every_s = every_s
        self._about = about(tracker)
        self._written_s: float | None = None
        self._known: set[int] = set()
        if file.exists():
            self._known |= restore(tracker, file, self._about)
            restored = ", ".join(map(str, tracker.object_ids)) or "none"
            log.info("%s: restored objects: %s", file, restored)

    @property
    def settled_ids(self) -> frozenset[int]:
        """Objects that this run or one before it tracked, also those that were removed: not to be prompted at start."""
        return frozenset(self._known)

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        return self._tracker.check(frame, commands)

    @property
    def object_ids(self) -> tuple[int, ...]:
        return self._tracker.object_ids

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        return self.track_some(frame, commands, EVERYTHING)

    def track_some(self, frame: Frame, commands: Sequence[Command], attention: Attention) -> tuple[Track, ...]:
        tracks = self._tracker.track_some(frame, commands, attention)
        self._known |= {track.object_id for track in tracks}
        now_s = frame.captured_ns / 1e9
        if self._written_s is None or now_s - self._written_s >= self._every_s or commands:
            self._written_s = now_s
            self.save()
        return tracks

    def interrupt(self) -> None:
        """The next frame comes after a gap."""
        self._tracker.interrupt()

    def describe(self) -> dict[str, Any]:
        return self._tracker.describe()

    def fingerprint(self) -> str:
        return self._tracker.fingerprint()

    def save(self) -> None:
        """Write the file, whole or not at all; raises SinkError."""
        known = sorted(self._known)[:MAX_KNOWN]
        about = {**self._about, "known": known, "highest_id": self._tracker.table.highest_id}
        try:
            write_atomically(self._file, packed(self._tracker.objects, about, self._tracker.runtime))
        except OSError as error:
            raise SinkError(f"{self._file}: the state cannot be written: {error.strerror}") from error


def about(tracker: StreamingTracker) -> dict[str, Any]:
    """What a snapshot must have in common with the tracker that reads it."""
    info = tracker.runtime.info
    return {"format": FORMAT, "model": info.name, "weights": info.weights}


def packed(objects: Mapping[int, TrackedObject[ObjectMemory]], about: Mapping[str, Any], runtime: Runtime) -> bytes:
    """All objects as one safetensors file, whatever is no tensor as JSON in its header."""
    tensors: dict[str, Floats] = {}
    states: dict[str, Any] = {}
    for number, tracked in objects.items():
        parts, states[str(number)] = _parts(tracked, runtime)
        tensors |= {f"{number}/{name}": tensor for name, tensor in parts.items()}
    described = {"about": about, "version": streamer.__version__, "objects": states}
    return bytes(safetensors.numpy.save(tensors, metadata={"state": json.dumps(described)}))


def restore(tracker: StreamingTracker, file: Path, about: Mapping[str, Any]) -> set[int]:
    """Give a tracker the objects of a file, as after a gap. Returns the ids of all objects that were known."""
    try:
        data = file.read_bytes()
        tensors, described = _read(data)
    except (OSError, ModelError) as error:
        raise ModelError(f"{file}: is no state that can be read ({error}); remove it to start anew") from error
    before = described.get("about", {})
    for name, value in about.items():
        if before.get(name) != value:
            raise ModelError(
                f"{file}: its {name} is {before.get(name)!r}, not {value!r}; remove it, or run the model it is of"
            )
    for text, state in described["objects"].items():
        prefix = f"{text}/"
        mine = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        tracker.table.resume(int(text), _whole(mine, state, tracker.empty_memory(), tracker.runtime))
    tracker.table.highest_id = max(tracker.table.highest_id, before["highest_id"])
    tracker.interrupt()
    return {*before["known"], *tracker.object_ids}


def pack(tracked: TrackedObject[ObjectMemory], runtime: Runtime) -> bytes:
    """One object as safetensors."""
    tensors, state = _parts(tracked, runtime)
    return bytes(safetensors.numpy.save(tensors, metadata={"state": json.dumps(state | {"format": FORMAT})}))


def unpack(data: bytes, memory: ObjectMemory, runtime: Runtime) -> TrackedObject[ObjectMemory]:
    """The object that `pack` made bytes of, with its memories in the empty `memory`; raises ModelError for others."""
    tensors, state = _read(data)
    if state.get("format") != FORMAT:
        raise ModelError(f"what was kept of an object has format {state.get('format')}, not {FORMAT}; start anew")
    return _whole(tensors, state, memory, runtime)


def _parts(tracked: TrackedObject[ObjectMemory], runtime: Runtime) -> tuple[dict[str, Floats], dict[str, Any]]:
    memory, focus = tracked.memory, tracked.focus
    kinds = {"conditioning": memory.conditioning, "recent": list(memory.recent)}
    tensors = _stacked("pointers", [pointer for _, pointer in memory.pointers], runtime)
    for kind, entries in kinds.items():
        tensors |= _stacked(f"{kind}.memory", [entry.memory_tc for entry in entries], runtime)
        tensors |= _stacked(f"{kind}.pointer", [entry.pointer_c for entry in entries], runtime)
    return tensors, {
        "step": memory.step,
        "pointers": [step for step, _ in memory.pointers],
        "focus": None if focus is None else [focus.zoom, focus.x, focus.y, focus.side],
        "unseen": tracked.unseen,
        "box": tracked.box,
        "size": tracked.size,
        **{kind: [entry.step for entry in entries] for kind, entries in kinds.items()},
    }


def _whole(
    tensors: Mapping[str, Floats], state: Mapping[str, Any], memory: ObjectMemory, runtime: Runtime
) -> TrackedObject[ObjectMemory]:
    values = {name: [runtime.from_numpy(row.copy()) for row in rows] for name, rows in tensors.items()}
    memory.step = state["step"]
    memory.conditioning[:] = _entries("conditioning", state["conditioning"], values)
    memory.recent.extend(_entries("recent", state["recent"], values))
    memory.pointers.extend(zip(state["pointers"], values.get("pointers", []), strict=True))
    focus = None if state["focus"] is None else SearchWindow(*state["focus"])
    box = None if state["box"] is None else tuple(state["box"])
    return TrackedObject(memory, focus, state["unseen"], box=box, size=state["size"])


def _read(data: bytes) -> tuple[dict[str, Floats], dict[str, Any]]:
    try:
        tensors = safetensors.numpy.load(data)
        length = int.from_bytes(data[:8], "little")
        state: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["state"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"what was kept of an object cannot be read: {error}") from error
    return tensors, state


def _stacked(name: str, values: Sequence[Opaque], runtime: Runtime) -> dict[str, Floats]:
    return {name: np.stack([runtime.to_numpy(value) for value in values])} if values else {}


def _entries(kind: str, steps: Sequence[int], values: Mapping[str, Sequence[Opaque]]) -> list[Entry]:
    memories, pointers = (values.get(f"{kind}.{part}", []) for part in ("memory", "pointer"))
    return [Entry(*row) for row in zip(steps, memories, pointers, strict=True)]
