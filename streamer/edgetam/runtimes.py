"""What runs the graphs of a frame: eager torch on any device, or OpenVINO on the CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor

from streamer.edgetam.graphs import Bank, Features, Masks
from streamer.edgetam.steps import Encode, Follow, Remember
from streamer.edgetam.weights import Checkpoint
from streamer.errors import UsageError

RUNTIMES = ("auto", "torch", "openvino")


class Runtime(Protocol):
    """The steps of a frame, on the tensors of one device."""

    name: str

    def encode(self, pixels_13hw: Tensor) -> Features: ...

    def follow(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        """A mask for each object of the bank, and the stride-16 features it was found in (b x c x h x w)."""

    def remember(self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor) -> Tensor:
        """A memory for each object (b x t x c)."""


class TorchRuntime:
    """Eager torch."""

    name = "torch"

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._on_cpu = checkpoint.device.type == "cpu"
        self._encode, self._follow, self._remember = (step(checkpoint.model) for step in (Encode, Follow, Remember))
        if self._on_cpu:
            self._encode.to(memory_format=torch.channels_last)

    def encode(self, pixels_13hw: Tensor) -> Features:
        if self._on_cpu:
            pixels_13hw = pixels_13hw.contiguous(memory_format=torch.channels_last)
        return Features(*self._encode(pixels_13hw))

    def follow(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        *masks, top = self._follow(
            features.s0_gchw,
            features.s1_gchw,
            features.top_gchw,
            bank.memories_bmtc,
            bank.memory_age_bm,
            bank.memory_valid_bm,
            bank.pointers_bpc,
            bank.pointer_age_bp,
            bank.pointer_valid_bp,
        )
        return Masks(*masks), top

    def remember(self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor) -> Tensor:
        memories: Tensor = self._remember(top_1chw, logits_b1hw, object_logit_b, prompted_b)
        return memories


def choose(name: str, device: torch.device) -> str:
    """The runtime of a setting on a device; `auto` takes OpenVINO for the CPU where it is installed.

    Raises UsageError naming the remedy.
    """
    installed = find_spec("openvino") is not None
    if name == "auto":
        return "openvino" if device.type == "cpu" and installed else "torch"
    if name not in RUNTIMES:
        raise UsageError(f"runtime {name!r} is unknown; known: {', '.join(RUNTIMES)}")
    if name == "openvino" and not installed:
        raise UsageError("runtime openvino is not installed; install it with: pip install 'streamer[openvino]'")
    if name == "openvino" and device.type != "cpu":
        raise UsageError(f"runtime openvino runs on the CPU, not on {device}; use device cpu or runtime torch")
    return name


def start(name: str, checkpoint: Checkpoint) -> Runtime:
    """The runtime of that name, as `choose` gives it, ready to run a checkpoint."""
    if name == "torch":
        return TorchRuntime(checkpoint)
    from streamer.edgetam.openvino import OpenVinoRuntime

    return OpenVinoRuntime(checkpoint)


def describe(runtime: Runtime, checkpoint: Checkpoint) -> dict[str, Any]:
    """Model id, input size, runtime, device and dtype."""
    return {
        "id": checkpoint.name,
        "size": checkpoint.size,
        "runtime": runtime.name,
        "device": str(checkpoint.device),
        "dtype": str(checkpoint.dtype).removeprefix("torch."),
    }
