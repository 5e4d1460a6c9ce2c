"""The graphs of a frame through torch.compile, with CUDA graphs on CUDA."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from streamer.edgetam.runtimes.graph import GraphRuntime
from streamer.edgetam.steps import GRAPHS, Follow
from streamer.edgetam.weights import Checkpoint


class TorchCompileRuntime(GraphRuntime):
    """Compiled on the first frames, again for the first frame with more than one object; torch keeps the code on disk.

    Needs a C++ compiler on the CPU, and Triton on CUDA.
    """

    name = "compile"

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self._on_cuda = checkpoint.device.type == "cuda"
        mode = "reduce-overhead" if self._on_cuda else None
        self._compiled = {
            graph: torch.compile(make(checkpoint.model).eval(), dynamic=graph != "image_encoder", mode=mode)
            for graph, make in (
                {**GRAPHS, "mask_tracker": Follow}
            ).items()  # torch has no fused attention for late values
        }

    def run(self, graph: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        if self._on_cuda:
            torch.compiler.cudagraph_mark_step_begin()
        answers = self._compiled[graph](*tensors)
        answers = (answers,) if isinstance(answers, Tensor) else answers
        return [answer.clone() for answer in answers] if self._on_cuda else list(answers)
