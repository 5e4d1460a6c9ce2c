"""What runs the graphs of a frame, and which of them is chosen."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor

from streamer.config.runtimes import RUNTIMES
from streamer.edgetam.graphs import Bank, Features, Masks
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.weights import Checkpoint
from streamer.errors import UsageError

NEEDS = {
    "openvino": ("openvino",),
    "openvino-int8": ("openvino", "nncf"),
    "onnx": ("onnxruntime", "onnxscript"),
    "tensorrt": ("onnxruntime", "onnxscript"),
}
EXTRAS = {"openvino-int8": "int8", "tensorrt": "onnx"}  # of the package, where they are not called as the runtime


class Runtime(Protocol):
    """The steps of a frame, on the tensors of one device."""

    name: str

    def encode_image(self, pixels_13hw: Tensor) -> Features: ...

    def track_masks(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        """A mask for each object of the bank, and the stride-16 features it was found in (b x c x h x w)."""

    def decode_prompt(
        self,
        features: Features,
        points_1n2: Tensor,
        labels_1n: Tensor,
        previous_11hw: Tensor | None,
        *,
        multimask: bool,
    ) -> Masks:
        """One object's mask from clicks and box corners on features of batch 1, refining `previous` where given."""

    def encode_memory(
        self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor
    ) -> Tensor:
        """A memory for each object (b x t x c)."""


def choose(name: str, device: torch.device) -> str:
    """The runtime of a setting on a device; `auto` takes OpenVINO for the CPU where it is installed.

    Raises UsageError naming the remedy.
    """
    missing = {runtime: [package for package in NEEDS[runtime] if find_spec(package) is None] for runtime in NEEDS}
    if name == "auto":
        return "openvino" if device.type == "cpu" and not missing["openvino"] else "torch"
    if name not in RUNTIMES:
        raise UsageError(f"runtime {name!r} is unknown; known: {', '.join(RUNTIMES)}")
    if name == "transformers":
        raise UsageError("runtime transformers is for run, serve and evaluate; use another runtime here, such as auto")
    if missing.get(name):
        raise UsageError(
            f"runtime {name} is not installed; install it with: pip install 'streamer[{EXTRAS.get(name, name)}]'"
        )
    if name.startswith("openvino") and device.type != "cpu":
        raise UsageError(f"runtime {name} runs on the CPU, not on {device}; use device cpu or runtime torch")
    return name


def start(name: str, checkpoint: Checkpoint) -> Runtime:
    """The runtime of that name, as `choose` gives it, ready to run a checkpoint."""
    match name:
        case "openvino" | "openvino-int8":
            from streamer.edgetam.runtimes.openvino import OpenVinoRuntime

            return OpenVinoRuntime(checkpoint, name)
        case "onnx" | "tensorrt":
            from streamer.edgetam.runtimes.onnx import OnnxRuntime

            return OnnxRuntime(checkpoint, name)
        case "compile":
            from streamer.edgetam.runtimes.torch_compile import TorchCompileRuntime

            return TorchCompileRuntime(checkpoint)
    return TorchRuntime(checkpoint)


def describe(runtime: Runtime, checkpoint: Checkpoint) -> dict[str, Any]:
    """Model id, input size, runtime, device and dtype."""
    return {
        "id": checkpoint.name,
        "size": checkpoint.size,
        "runtime": runtime.name,
        "device": str(checkpoint.device),
        "dtype": str(checkpoint.dtype).removeprefix("torch."),
    }
