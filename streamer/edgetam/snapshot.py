"""What a tracker knows of an object, as bytes: for a run that goes on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from streamer.edgetam.focus import Focus
from streamer.edgetam.memory import Entry, ObjectMemory
from streamer.edgetam.tracker import TrackedObject
from streamer.errors import ModelError

FORMAT = 1  # raise it when what is written changes


def pack(tracked: TrackedObject) -> bytes:
    """Memories and pointers as safetensors, all else as JSON in their header."""
    memory, focus = tracked.memory, tracked.focus
    tensors: dict[str, Tensor] = {}
    for kind, entries in (("conditioning", memory.conditioning), ("recent", list(memory.recent))):
        tensors |= _stacked(f"{kind}.memory", [entry.memory_tc for entry in entries])
        tensors |= _stacked(f"{kind}.pointer", [entry.pointer_c for entry in entries])
    tensors |= _stacked("pointers", [pointer for _, pointer in memory.pointers])
    state = {
        "format": FORMAT,
        "step": memory.step,
        "conditioning": [entry.step for entry in memory.conditioning],
        "recent": [entry.step for entry in memory.recent],
        "pointers": [step for step, _ in memory.pointers],
        "focus": None if focus is None else [focus.zoom, focus.x, focus.y, focus.side],
        "unseen": tracked.unseen,
        "box": tracked.box,
        "size": tracked.size,
    }
    return bytes(safetensors.torch.save(tensors, metadata={"state": json.dumps(state)}))


def unpack(data: bytes, memory: ObjectMemory, device: torch.device) -> TrackedObject:
    """The object that `pack` made bytes of, with its memories in the empty `memory`; raises ModelError for others."""
    try:
        tensors = {name: tensor.to(device) for name, tensor in safetensors.torch.load(data).items()}
        state = _state(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"what was kept of an object cannot be read: {error}") from error
    if state.get("format") != FORMAT:
        raise ModelError(f"what was kept of an object has format {state.get('format')}, not {FORMAT}; start anew")
    memory.step = state["step"]
    memory.conditioning[:] = _entries("conditioning", state["conditioning"], tensors)
    memory.recent.extend(_entries("recent", state["recent"], tensors))
    memory.pointers.extend(zip(state["pointers"], _rows("pointers", tensors), strict=True))
    focus = None if state["focus"] is None else Focus(*state["focus"])
    box = None if state["box"] is None else tuple(state["box"])
    return TrackedObject(memory, focus, state["unseen"], box, state["size"])


def _state(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    state: dict[str, Any] = json.loads(header["__metadata__"]["state"])
    return state


def _stacked(name: str, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {name: torch.stack([tensor.cpu() for tensor in tensors])} if tensors else {}


def _rows(name: str, tensors: dict[str, Tensor]) -> list[Tensor]:
    return [row.clone() for row in tensors[name]] if name in tensors else []


def _entries(kind: str, steps: Sequence[int], tensors: dict[str, Tensor]) -> list[Entry]:
    memories, pointers = (_rows(f"{kind}.{part}", tensors) for part in ("memory", "pointer"))
    return [Entry(*row) for row in zip(steps, memories, pointers, strict=True)]
