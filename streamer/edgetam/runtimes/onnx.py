"""The graphs of a frame in ONNX Runtime: its CPU, CUDA, TensorRT or CoreML provider. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from streamer.edgetam import cores
from streamer.edgetam.model_info import ModelInfo
from streamer.edgetam.runtimes.graph import GRAPHS, Arrays, GraphRuntime
from streamer.edgetam.runtimes.port import Floats
from streamer.edgetam.runtimes.sources import GraphSource
from streamer.errors import UsageError

VERSION: str = onnxruntime.__version__
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
TENSORRT = "TensorrtExecutionProvider"


class OnnxRuntime(GraphRuntime):
    """Graphs as ONNX files, in the provider of the model's device; arrays pass through the host's memory."""

    def __init__(self, info: ModelInfo, source: GraphSource, compiled: Path, name: str = "onnx") -> None:
        super().__init__(info)
        self.name = name
        self._source = source
        available = onnxruntime.get_available_providers()
        self._providers = providers(name, info.device.partition(":")[0], available, compiled)
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = cores.count()
        self._options.log_severity_level = 3  # errors; it warns of each initialiser that it folds
        self._sessions = {graph: self._open(graph) for graph in GRAPHS}

    def run(self, graph: str, inputs: Sequence[Arrays]) -> list[list[Floats]]:
        session, names = self._sessions[graph]
        return [
            list(session.run(None, {n: np.ascontiguousarray(part) for n, part in zip(names, one, strict=True)}))
            for one in inputs
        ]

    def _open(self, graph: str) -> tuple[Any, list[str]]:
        try:
            session = self._session(self._source.get(graph))
        except Exception as error:  # noqa: BLE001 - its errors have no class of their own in common
            session = self._session(self._source.again(graph, error))
        return session, [entry.name for entry in session.get_inputs()]

    def _session(self, file: Path | bytes) -> Any:
        return onnxruntime.InferenceSession(file, self._options, self._providers)


def providers(name: str, device: str, available: Sequence[str], folder: Path) -> list[Any]:
    """What runs a runtime's name on a device, the best first; raises UsageError where it is not there."""
    wanted = PROVIDERS[device]
    if name == "tensorrt":
        if device != "cuda":
            raise UsageError(f"runtime tensorrt runs on CUDA, not on {device}; use runtime onnx or openvino")
        wanted = TENSORRT
    if wanted not in available:
        raise UsageError(
            f"runtime {name}: this onnxruntime has no {wanted} (it has {', '.join(available)}); "
            "for CUDA: pip install onnxruntime-gpu"
        )
    if wanted == TENSORRT:
        cache = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(folder)}
        return [(TENSORRT, cache), PROVIDERS["cuda"], PROVIDERS["cpu"]]
    return [wanted] if wanted == PROVIDERS["cpu"] else [wanted, PROVIDERS["cpu"]]
