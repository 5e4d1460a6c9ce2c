"""What runs the graphs of a frame, and which of them is chosen. No torch, until a checkpoint is converted."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config.runtimes import RUNTIMES, TORCH_PACKAGES
from streamer.edgetam.model_info import ModelInfo, info_of
from streamer.edgetam.runtimes.cache import GraphCache, fingerprint
from streamer.edgetam.runtimes.port import Runtime
from streamer.edgetam.runtimes.sources import GraphSource
from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.edgetam.weights import Checkpoint

NEEDS = {
    "torch": TORCH_PACKAGES,
    "transformers": TORCH_PACKAGES,
    "compile": TORCH_PACKAGES,
    "openvino": ("openvino",),
    "openvino-int8": ("openvino", "nncf"),
    "onnx": ("onnxruntime",),
    "tensorrt": ("onnxruntime",),
}
EXTRAS = {
    "openvino-int8": "int8",
    "tensorrt": "onnx",
    "compile": "torch",
    "transformers": "torch",
}  # where they are not called as the runtime
SUFFIXES = {"openvino": ".xml", "openvino-int8": ".xml", "onnx": ".onnx", "tensorrt": ".onnx"}


def choose(name: str, device: str) -> str:
    """The runtime of a setting on a kind of device; `auto` takes OpenVINO for the CPU where it is installed.

    Raises UsageError naming the remedy.
    """
    if name == "auto":
        name = "openvino" if device == "cpu" and not missing_of("openvino") else "torch"
    if name not in RUNTIMES:
        raise UsageError(f"runtime {name!r} is unknown; known: {', '.join(RUNTIMES)}")
    if name == "transformers":
        raise UsageError("runtime transformers is for run, serve and evaluate; use another runtime here, such as auto")
    check_installed(name)
    if name.startswith("openvino") and device != "cpu":
        raise UsageError(f"runtime {name} runs on the CPU, not on {device}; use device cpu or runtime torch")
    return name


def missing_of(name: str) -> list[str]:
    """The packages that a runtime needs and that are not installed."""
    return [package for package in NEEDS[name] if find_spec(package) is None]


def check_installed(name: str) -> None:
    """Raise UsageError naming the remedy where a runtime's packages are missing."""
    if missing_of(name):
        raise UsageError(
            f"runtime {name} is not installed; install it with: pip install 'streamer[{EXTRAS.get(name, name)}]'"
        )


def start(name: str, checkpoint: Checkpoint) -> Runtime:
    """The runtime of that name, as `choose` gives it, ready to run a checkpoint."""
    match name:
        case "torch":
            from streamer.edgetam.runtimes.eager import TorchRuntime

            return TorchRuntime(checkpoint)
        case "compile":
            from streamer.edgetam.runtimes.torch_compile import TorchCompileRuntime

            return TorchCompileRuntime(checkpoint)
    info = info_of(checkpoint, fingerprint(checkpoint.model))
    cache = graph_cache(name, info.weights)
    return open_graphs(name, info, _converted(name, checkpoint, cache), cache.folder / "compiled")


def open_graphs(name: str, info: ModelInfo, source: GraphSource, compiled: Path) -> Runtime:
    """A runtime of graphs, wherever these come from."""
    if name.startswith("openvino"):
        from streamer.edgetam.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(info, source, compiled, name)
    from streamer.edgetam.runtimes.onnx import OnnxRuntime

    return OnnxRuntime(info, source, compiled, name)


def graph_cache(name: str, weights: str) -> GraphCache:
    """The folder of a model's graphs for a runtime."""
    if name.startswith("openvino"):
        from streamer.edgetam.runtimes.openvino import VERSION

        return GraphCache(name, VERSION, weights)
    from streamer.edgetam.runtimes.onnx import VERSION as ONNX_VERSION

    return GraphCache("onnx", ONNX_VERSION, weights)


def _converted(name: str, checkpoint: Checkpoint, cache: GraphCache) -> GraphSource:
    from streamer.edgetam.runtimes import conversion

    match name:
        case "openvino":
            return conversion.ConvertedGraphs(checkpoint, cache, ".xml", conversion.openvino_graph, ".bin")
        case "openvino-int8":
            return conversion.ConvertedGraphs(checkpoint, cache, ".xml", conversion.int8_graph, ".bin")
    return conversion.ConvertedGraphs(checkpoint, cache, ".onnx", conversion.onnx_graph)
