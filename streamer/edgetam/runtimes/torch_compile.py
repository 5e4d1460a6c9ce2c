"""The graphs of a frame through torch.compile, with CUDA graphs on CUDA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from streamer.edgetam.runtimes.eager import TorchRuntime, stack_tensors
from streamer.edgetam.runtimes.port import Floats, Recall
from streamer.edgetam.runtimes.recall import Padded, stacked_to_usual
from streamer.edgetam.weights import Checkpoint


class TorchCompileRuntime(TorchRuntime):
    """Compiled on the first frames, again for the first frame with more than one object; torch keeps the code on disk.

    Needs a C++ compiler on the CPU, and Triton on CUDA.
    """

    name = "compile"
    leaves_out_masks = False

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self._on_cuda = checkpoint.device.type == "cuda"
        mode = "reduce-overhead" if self._on_cuda else None
        self._compiled = {
            graph: torch.compile(step.eval(), dynamic=graph != "image_encoder", mode=mode)
            for graph, step in self._steps.items()
        }

    def _call(self, graph: str, tensors: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        if self._on_cuda:
            torch.compiler.cudagraph_mark_step_begin()
        answers = self._compiled[graph](*tensors)
        answers = (answers,) if isinstance(answers, Tensor) else answers
        return tuple(answer.clone() for answer in answers) if self._on_cuda else tuple(answers)

    def recalled(self, recalls: Sequence[Recall]) -> tuple[Padded, Padded]:
        """In few lengths: each that it meets is compiled."""
        return stacked_to_usual(recalls, stack_tensors, torch.zeros_like, (self.info.memories, self.info.pointers))

    def previous(self, previous_bhw: Floats | None, points_bn2: Floats) -> tuple[Tensor, Tensor]:
        """A graph cannot leave an input out."""
        side = self.info.logits_size
        values = np.zeros((len(points_bn2), side, side), np.float32) if previous_bhw is None else previous_bhw
        return self._tensor(values)[:, None], self._tensor(np.array([previous_bhw is not None]))
