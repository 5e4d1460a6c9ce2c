"""What a tracker knows, as bytes and as a file: for runs that go on after an interruption."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import streamer
from streamer.edgetam.memory import Entry, ObjectMemory
from streamer.edgetam.runtimes import cache as kept
from streamer.edgetam.search_window import SearchWindow
from streamer.edgetam.tracker import StreamingTracker, TrackedObject
from streamer.errors import ModelError, SinkError
from streamer.types import Command, Frame, Prompt, Track

log = logging.getLogger(__name__)
FORMAT = 1  # raise it when what is written changes
EVERY_S = 5.0


class Snapshot:
    """A tracker whose objects are written to a file every few seconds, and at the end; a `Tracker` itself.

    An object that was there before a restart goes on under its id; what was prompted at the start of that run is not
    prompted again. Raises ModelError for the file of another model or version.
    """

    def __init__(self, tracker: StreamingTracker, file: Path, every_s: float = EVERY_S) -> None:
        self._tracker = tracker
        self._file = file
        self._every_s = every_s
        self._about = about(tracker)
        self._written_s: float | None = None
        self.restored = restore(tracker, file, self._about) if file.exists() else ()
        if self.restored:
            log.info("%s: going on with object %s", file, ", ".join(map(str, self.restored)))

    def check(self, frame: Frame, commands: Sequence[Command]) -> None:
        self._tracker.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        tracks = self._tracker.track(frame, commands)
        now_s = frame.captured_ns / 1e9
        if self._written_s is None or now_s - self._written_s >= self._every_s or commands:
            self._written_s = now_s
            self.save()
        return tracks

    def describe(self) -> dict[str, Any]:
        return self._tracker.describe()

    def unprompted(self, first: Sequence[Prompt]) -> list[Prompt]:
        """Those prompts of a run's start whose objects did not come from the file."""
        return [prompt for prompt in first if prompt.object_id not in self.restored]

    def save(self) -> None:
        """Write the file, whole or not at all; raises SinkError."""
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(packed(self._tracker.objects, self._about))
            part.replace(self._file)
        except OSError as error:
            raise SinkError(f"{self._file}: the state cannot be written: {error.strerror}") from error


def about(tracker: StreamingTracker) -> dict[str, Any]:
    """What a snapshot must have in common with the tracker that reads it."""
    checkpoint = tracker.checkpoint
    return {"format": FORMAT, "model": checkpoint.name, "weights": kept.fingerprint("", checkpoint.model)}


def packed(objects: Mapping[int, TrackedObject], about: Mapping[str, Any]) -> bytes:
    """All objects as one safetensors file, whatever is no tensor as JSON in its header."""
    tensors: dict[str, Tensor] = {}
    states: dict[str, Any] = {}
    for number, tracked in objects.items():
        parts, states[str(number)] = _parts(tracked)
        tensors |= {f"{number}/{name}": tensor for name, tensor in parts.items()}
    described = {"about": about, "version": streamer.__version__, "objects": states}
    return bytes(safetensors.torch.save(tensors, metadata={"state": json.dumps(described)}))


def restore(tracker: StreamingTracker, file: Path, about: Mapping[str, Any]) -> tuple[int, ...]:
    """Give a tracker the objects of a file; what lies between counts as a gap. Returns their ids."""
    try:
        data = file.read_bytes()
        tensors, described = _read(data)
    except (OSError, ModelError) as error:
        raise ModelError(f"{file}: is no state that can be read ({error}); remove it to start anew") from error
    for name, value in about.items():
        if described.get("about", {}).get(name) != value:
            was = described.get("about", {}).get(name)
            raise ModelError(f"{file}: is of {name} {was!r}, not {value!r}; remove it, or run what it was made with")
    for text, state in described["objects"].items():
        prefix = f"{text}/"
        mine = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        tracker.adopt(int(text), _whole(mine, state, tracker.empty_memory(), tracker.checkpoint.device))
    return tuple(map(int, described["objects"]))


def pack(tracked: TrackedObject) -> bytes:
    """One object as safetensors."""
    tensors, state = _parts(tracked)
    return bytes(safetensors.torch.save(tensors, metadata={"state": json.dumps(state | {"format": FORMAT})}))


def unpack(data: bytes, memory: ObjectMemory, device: torch.device) -> TrackedObject:
    """The object that `pack` made bytes of, with its memories in the empty `memory`; raises ModelError for others."""
    tensors, state = _read(data)
    if state.get("format") != FORMAT:
        raise ModelError(f"what was kept of an object has format {state.get('format')}, not {FORMAT}; start anew")
    return _whole(tensors, state, memory, device)


def _parts(tracked: TrackedObject) -> tuple[dict[str, Tensor], dict[str, Any]]:
    memory, focus = tracked.memory, tracked.focus
    kinds = {"conditioning": memory.conditioning, "anchors": list(memory.anchors), "recent": list(memory.recent)}
    tensors = _stacked("pointers", [pointer for _, pointer in memory.pointers])
    for kind, entries in kinds.items():
        tensors |= _stacked(f"{kind}.memory", [entry.memory_tc for entry in entries])
        tensors |= _stacked(f"{kind}.pointer", [entry.pointer_c for entry in entries])
    return tensors, {
        "step": memory.step,
        "pointers": [step for step, _ in memory.pointers],
        "focus": None if focus is None else [focus.zoom, focus.x, focus.y, focus.side],
        "unseen": tracked.unseen,
        "box": tracked.box,
        "size": tracked.size,
        "areas": list(tracked.areas),
        "anchored": tracked.anchored,
        **{kind: [entry.step for entry in entries] for kind, entries in kinds.items()},
    }


def _whole(
    tensors: Mapping[str, Tensor], state: Mapping[str, Any], memory: ObjectMemory, device: torch.device
) -> TrackedObject:
    there = {name: tensor.to(device) for name, tensor in tensors.items()}
    memory.step = state["step"]
    memory.conditioning[:] = _entries("conditioning", state["conditioning"], there)
    memory.anchors.extend(_entries("anchors", state["anchors"], there))
    memory.recent.extend(_entries("recent", state["recent"], there))
    memory.pointers.extend(zip(state["pointers"], _rows("pointers", there), strict=True))
    focus = None if state["focus"] is None else SearchWindow(*state["focus"])
    box = None if state["box"] is None else tuple(state["box"])
    tracked = TrackedObject(memory, focus, state["unseen"], box, state["size"], anchored=state["anchored"])
    tracked.areas.extend(state["areas"])
    return tracked


def _read(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        tensors = safetensors.torch.load(data)
        length = int.from_bytes(data[:8], "little")
        state: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["state"])
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"what was kept of an object cannot be read: {error}") from error
    return tensors, state


def _stacked(name: str, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {name: torch.stack([tensor.cpu() for tensor in tensors])} if tensors else {}


def _rows(name: str, tensors: Mapping[str, Tensor]) -> list[Tensor]:
    return [row.clone() for row in tensors[name]] if name in tensors else []


def _entries(kind: str, steps: Sequence[int], tensors: Mapping[str, Tensor]) -> list[Entry]:
    memories, pointers = (_rows(f"{kind}.{part}", tensors) for part in ("memory", "pointer"))
    return [Entry(*row) for row in zip(steps, memories, pointers, strict=True)]
