"""The graphs of a frame in OpenVINO, on the CPU. No torch."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # its converter reports to its makers else

import numpy as np
import openvino

from streamer.edgetam import cores
from streamer.edgetam.model_info import ModelInfo
from streamer.edgetam.runtimes.graph import GRAPHS, Arrays, GraphRuntime
from streamer.edgetam.runtimes.port import Floats
from streamer.edgetam.runtimes.sources import GraphFile, GraphSource

SHARED_WEIGHTS = "graphs.bin"  # of all graphs of a folder, where each has no file of its own
VERSION: str = openvino.__version__


class OpenVinoRuntime(GraphRuntime):
    """Compiled graphs; any number of objects without compiling again.

    `compiled` is a folder in which OpenVINO keeps what it compiled: a second start takes a third of the time.
    """

    def __init__(self, info: ModelInfo, source: GraphSource, compiled: Path, name: str = "openvino") -> None:
        super().__init__(info)
        self.name = name
        self._source, self._options = source, {**options(), "CACHE_DIR": str(compiled)}
        self._compiled = {graph: self._compile(graph) for graph in GRAPHS}

    def run(self, graph: str, inputs: Sequence[Arrays]) -> list[list[Floats]]:
        compiled = self._compiled[graph]
        return [
            list(compiled([np.ascontiguousarray(part) for part in one], share_inputs=True).to_tuple()) for one in inputs
        ]

    def _compile(self, graph: str) -> openvino.CompiledModel:
        try:
            return core().compile_model(_readable(self._source.get(graph)), "CPU", self._options)
        except RuntimeError as error:
            return core().compile_model(_readable(self._source.again(graph, error)), "CPU", self._options)


def _readable(graph: GraphFile) -> Any:
    """What OpenVINO compiles: a model, or the path of one with weights of its own beside it."""
    if isinstance(graph, Path) and (weights := graph.with_name(SHARED_WEIGHTS)).exists():
        return core().read_model(graph, weights)
    return graph


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
    return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": cores.count()} | exact
