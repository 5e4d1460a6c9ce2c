"""The graphs of a frame in ONNX Runtime: its CPU, CUDA, TensorRT or CoreML provider."""

from __future__ import annotations

import contextlib
import io
import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor

from streamer.edgetam import torch_threads
from streamer.edgetam.runtimes.cache import GraphCache
from streamer.edgetam.runtimes.graph import GraphRuntime
from streamer.edgetam.steps import GRAPHS, Step, examples
from streamer.edgetam.weights import Checkpoint
from streamer.errors import UsageError

log = logging.getLogger(__name__)
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
TENSORRT = "TensorrtExecutionProvider"
OPSET = 20


class OnnxRuntime(GraphRuntime):
    """Graphs as ONNX files, in the provider of the checkpoint's device; tensors pass through the host's memory."""

    def __init__(self, checkpoint: Checkpoint, name: str = "onnx") -> None:
        super().__init__(checkpoint)
        self.name = name
        self._cache = GraphCache("onnx", onnxruntime.__version__, checkpoint.model)
        chosen = providers(name, checkpoint.device.type, onnxruntime.get_available_providers(), self._cache.folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch_threads.count()
        options.log_severity_level = 3  # errors; it warns of each initialiser that it folds
        self._sessions = {graph: self._open(graph, options, chosen) for graph in GRAPHS}

    def run(self, graph: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        session, names = self._sessions[graph]
        answers = session.run(None, {n: t.contiguous().cpu().numpy() for n, t in zip(names, tensors, strict=True)})
        return [torch.from_numpy(answer).to(self.checkpoint.device) for answer in answers]

    def _open(self, graph: str, options: Any, chosen: list[Any]) -> tuple[Any, tuple[str, ...]]:
        step = GRAPHS[graph](self.checkpoint.model)
        if (file := self._cache.get(f"{graph}.onnx")) is not None:
            try:
                return onnxruntime.InferenceSession(file, options, chosen), step.inputs
            except Exception as error:  # noqa: BLE001 - its errors have no class of their own in common
                log.warning("%s: cannot be read, converted again (%s)", file, str(error).splitlines()[0])
        started = time.monotonic()
        data = convert(step, self.checkpoint)
        log.info("%s converted to ONNX in %.1f s", graph, time.monotonic() - started)
        self._cache.put(f"{graph}.onnx", lambda part: part.write_bytes(data))
        return onnxruntime.InferenceSession(data, options, chosen), step.inputs


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


def convert(step: Step, checkpoint: Checkpoint) -> bytes:
    """A step of the frame as an ONNX file with named inputs and outputs, in float32."""
    example, dynamic = examples(step, checkpoint)
    for talkative in ("onnx_ir", "onnxscript"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # its exporter talks
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            step.eval().cpu(),
            example,
            input_names=list(step.inputs),
            output_names=list(step.outputs),
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # with dynamo, and without a file, it is returned
    data: bytes = program.model_proto.SerializeToString()
    return data
