"""Checkpoints to graphs for OpenVINO and ONNX Runtime; what was converted is cached. This needs torch."""

from __future__ import annotations

import contextlib
import io
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from streamer.edgetam.runtimes.cache import GraphCache
from streamer.edgetam.steps import GRAPHS, Step, examples
from streamer.edgetam.weights import Checkpoint

log = logging.getLogger(__name__)
OPSET = 20


@dataclass(frozen=True, slots=True, eq=False)
class ConvertedGraphs:
    """Graphs from the cache; what is not there is converted now, and cached."""

    checkpoint: Checkpoint
    cache: GraphCache
    suffix: str
    make: Callable[[str, Checkpoint], tuple[Any, Callable[[Path], object]]]  # a graph, and what writes it
    sidecar: str | None = None

    def get(self, graph: str) -> Any:
        return self.cache.get(graph + self.suffix) or self._convert(graph)

    def again(self, graph: str, error: Exception) -> Any:
        file = self.cache.folder / (graph + self.suffix)
        log.warning("%s: cannot be read, converted again (%s)", file, str(error).splitlines()[0])
        return self._convert(graph)

    def _convert(self, graph: str) -> Any:
        started = time.monotonic()
        converted, write = self.make(graph, self.checkpoint)
        log.info("%s converted in %.1f s", graph, time.monotonic() - started)
        self.cache.put(graph + self.suffix, write, sidecar=self.sidecar)
        return converted


def openvino_graph(graph: str, checkpoint: Checkpoint) -> tuple[Any, Callable[[Path], object]]:
    model = to_openvino(GRAPHS[graph](checkpoint.model), checkpoint)
    return model, lambda file: save(model, file)


def int8_graph(graph: str, checkpoint: Checkpoint) -> tuple[Any, Callable[[Path], object]]:
    """The image encoder in integers; the graphs that remember stay in float32."""
    from streamer.edgetam.runtimes.int8 import quantize

    model = to_openvino(GRAPHS[graph](checkpoint.model), checkpoint)
    if graph == "image_encoder":
        model = quantize(model, checkpoint)
    return model, lambda file: save(model, file)


def onnx_graph(graph: str, checkpoint: Checkpoint) -> tuple[Any, Callable[[Path], object]]:
    data = to_onnx(GRAPHS[graph](checkpoint.model), checkpoint)
    return data, lambda file: file.write_bytes(data)


def to_openvino(step: Step, checkpoint: Checkpoint) -> Any:
    """A step of the frame as an OpenVINO model with named inputs and outputs, in float32."""
    from streamer.edgetam.runtimes.openvino import openvino  # without its telemetry

    example, dynamic = examples(step, checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about itself
        exported = torch.export.export(step.eval(), example, dynamic_shapes=dynamic)
        model = openvino.convert_model(exported)
    for port, name in zip((*model.inputs, *model.outputs), (*step.inputs, *step.outputs), strict=True):
        port.get_tensor().set_names({name})
    return model


def save(model: Any, file: Path, *, half: bool = False) -> None:
    """Write a graph as FILE.xml, with its weights beside it as FILE.bin, in float32 or half of that."""
    from streamer.edgetam.runtimes.openvino import openvino

    openvino.save_model(model, file, compress_to_fp16=half)


def to_onnx(step: Step, checkpoint: Checkpoint) -> bytes:
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
