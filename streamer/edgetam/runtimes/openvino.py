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

    `compiled` is a folder in which OpenVINO keeps what it compiled: a second start takes a third of the time. The
    windows of a frame go through a graph side by side, on one thread each; for that it is compiled once more when two
    windows first come together.
    """

    def __init__(self, info: ModelInfo, source: GraphSource, compiled: Path, name: str = "openvino") -> None:
        super().__init__(info)
        self.name = name
        self._source, self._options = source, {**options(), "CACHE_DIR": str(compiled)}
        self._compiled = {graph: self._compile(graph, self._options) for graph in GRAPHS}
        self._streams: dict[str, Streams] = {}

    def run(self, graph: str, inputs: Sequence[Arrays]) -> list[list[Floats]]:
        ready = [[np.ascontiguousarray(part) for part in one] for one in inputs]
        beside = len(ready) - len(ready) % cores.count() if len(ready) > 1 and cores.count() > 1 else 0
        found = self._side_by_side(graph).run(ready[:beside]) if beside else []
        for one in ready[beside:]:  # what is left over has all threads
            found.append(list(self._compiled[graph](one, share_inputs=True).to_tuple()))
        return found

    def _side_by_side(self, graph: str) -> Streams:
        if graph not in self._streams:
            compiled = self._compile(graph, {**self._options, **side_by_side()})
            self._streams[graph] = Streams(compiled, cores.count())
        return self._streams[graph]

    def _compile(self, graph: str, chosen: dict[str, Any]) -> openvino.CompiledModel:
        try:
            return core().compile_model(_readable(self._source.get(graph)), "CPU", chosen)
        except RuntimeError as error:
            return core().compile_model(_readable(self._source.again(graph, error)), "CPU", chosen)


class Streams:
    """One graph several times side by side."""

    def __init__(self, compiled: openvino.CompiledModel, count: int) -> None:
        self._requests = [compiled.create_infer_request() for _ in range(count)]

    def run(self, inputs: Sequence[Arrays]) -> list[list[Floats]]:
        """The outputs for each of the inputs, which later calls leave alone."""
        found: list[list[Floats]] = []
        for start in range(0, len(inputs), len(self._requests)):
            running = list(zip(self._requests, inputs[start:], strict=False))
            for request, one in running:
                request.start_async(one, share_inputs=True)
            for request, _ in running:
                request.wait()
                found.append([np.array(tensor.data) for tensor in request.output_tensors])
        return found


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
    """One picture as soon as possible."""
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # without it a processor that can count in bfloat16 does
    return {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": cores.count()} | exact


def side_by_side() -> dict[str, Any]:
    """As many streams as threads: two windows on a thread each take less than one after the other on both."""
    return {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": cores.count()}
