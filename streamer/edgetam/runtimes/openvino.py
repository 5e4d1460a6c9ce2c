"""The graphs of a frame in OpenVINO, on the CPU."""

from __future__ import annotations

import functools
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # its converter reports to its makers else

import openvino
import torch
from torch import Tensor

from streamer.edgetam import torch_threads
from streamer.edgetam.runtimes.cache import GraphCache
from streamer.edgetam.runtimes.graph import GraphRuntime
from streamer.edgetam.runtimes.int8 import CALIBRATION, quantize
from streamer.edgetam.steps import GRAPHS, Step, examples
from streamer.edgetam.weights import Checkpoint

log = logging.getLogger(__name__)


class OpenVinoRuntime(GraphRuntime):
    """Compiled graphs; any number of objects without compiling again."""

    def __init__(self, checkpoint: Checkpoint, name: str = "openvino") -> None:
        super().__init__(checkpoint)
        self.name = name
        self._options = options()
        version = openvino.__version__ + (CALIBRATION if name == "openvino-int8" else "")
        self._cache = GraphCache(name, version, checkpoint.model)
        self._options["CACHE_DIR"] = str(self._cache.folder / "compiled")  # a second start takes 0.6 s of it, not 1.5
        self._compiled = {graph: self._compile(graph) for graph in GRAPHS}

    def run(self, graph: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        inputs = [tensor.contiguous().numpy() for tensor in tensors]
        answers = self._compiled[graph](inputs, share_inputs=True)  # outputs are copied
        return [torch.from_numpy(value) for value in answers.to_tuple()]

    def _compile(self, graph: str) -> openvino.CompiledModel:
        """From the cache, or converted now."""
        if (file := self._cache.get(f"{graph}.xml")) is not None:
            try:
                return core().compile_model(file, "CPU", self._options)
            except RuntimeError as error:
                log.warning("%s: cannot be read, converted again (%s)", file, str(error).splitlines()[0])
        return self._convert(graph)

    def _convert(self, graph: str) -> openvino.CompiledModel:
        started = time.monotonic()
        model = convert(GRAPHS[graph](self.checkpoint.model), self.checkpoint)
        if graph == "image_encoder" and self.name == "openvino-int8":
            model = quantize(model, self.checkpoint)
        log.info("%s converted for OpenVINO in %.1f s", graph, time.monotonic() - started)
        self._cache.put(f"{graph}.xml", lambda part: save(model, part), sidecar=".bin")
        return core().compile_model(model, "CPU", self._options)


@functools.cache
def core() -> openvino.Core:
    """The only one of this process.

    Its CPU plugin changes the stack on which signals are handled, and when it is unloaded puts back the one that it
    found. Of two, the second to go would put back what the first had freed: the next Ctrl-C were a segmentation fault.
    """
    return openvino.Core()


def options() -> dict[str, Any]:
    """One picture as soon as possible. Two streams side by side, for two cameras, are no quicker in all."""
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # without it a processor that can count in bfloat16 does
    return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch_threads.count()} | exact


def convert(step: Step, checkpoint: Checkpoint) -> openvino.Model:
    """A step of the frame as an OpenVINO model with named inputs and outputs, in float32."""
    example, dynamic = examples(step, checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about itself
        exported = torch.export.export(step.eval(), example, dynamic_shapes=dynamic)
        model = openvino.convert_model(exported)
    for port, name in zip((*model.inputs, *model.outputs), (*step.inputs, *step.outputs), strict=True):
        port.get_tensor().set_names({name})
    return model


def save(model: openvino.Model, file: Path) -> None:
    """Write a graph as FILE.xml, with its weights beside it as FILE.bin, in float32."""
    openvino.save_model(model, file, compress_to_fp16=False)
