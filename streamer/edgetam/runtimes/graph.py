"""The graphs of a frame, called by name in an engine that is not eager torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from streamer.edgetam.graphs import Bank, Features, Masks
from streamer.edgetam.weights import Checkpoint


class GraphRuntime(ABC):
    """A `Runtime` of the graphs of `steps.GRAPHS`: `run` is all that differs between engines."""

    name: str

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._no_previous_11hw = torch.zeros(1, 1, checkpoint.size // 4, checkpoint.size // 4, device=checkpoint.device)

    @abstractmethod
    def run(self, graph: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The graph's outputs, which later calls leave alone."""

    def encode_image(self, pixels_13hw: Tensor) -> Features:
        return Features(*self.run("image_encoder", [pixels_13hw]))

    def track_masks(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        config, images = self.checkpoint.model.config, (features.s0_gchw, features.s1_gchw, features.top_gchw)
        memory_valid, pointer_valid = bank.memory_valid_bm, bank.pointer_valid_bp
        if memory_valid is None or pointer_valid is None:
            memory_valid = torch.ones_like(bank.memory_age_bm, dtype=torch.bool)
            pointer_valid = torch.ones_like(bank.pointer_age_bp, dtype=torch.bool)
        memories = [bank.memories_bmtc, bank.memory_age_bm, memory_valid]
        pointers = [bank.pointers_bpc, bank.pointer_age_bp, pointer_valid]
        memories = [lengthened(part, config.num_maskmem) for part in memories]
        pointers = [lengthened(part, config.max_object_pointers_in_encoder) for part in pointers]
        *masks, top = self.run("mask_tracker", [*images, *memories, *pointers])
        return Masks(*masks), top

    def decode_prompt(
        self,
        features: Features,
        points_1n2: Tensor,
        labels_1n: Tensor,
        previous_11hw: Tensor | None,
        *,
        multimask: bool,
    ) -> Masks:
        images = (features.s0_gchw, features.s1_gchw, features.top_gchw)
        previous = self._no_previous_11hw if previous_11hw is None else previous_11hw
        has_previous = torch.tensor([previous_11hw is not None], device=previous.device)
        graph = "prompt_decoder_best" if multimask else "prompt_decoder_single"
        return Masks(*self.run(graph, [*images, points_1n2, labels_1n, previous, has_previous]))

    def encode_memory(
        self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor
    ) -> Tensor:
        (memories,) = self.run("memory_encoder", [top_1chw, logits_b1hw, object_logit_b, prompted_b])
        return memories


def lengthened(part_bn: Tensor, usual: int) -> Tensor:
    """Padded with zeros along its second axis, not valid, so that few lengths are met: engines keep something for each.

    The usual length is that of an object prompted once; with more prompts it is 1, 3, 7, ... longer.
    """
    more = max(part_bn.shape[1] - usual, 0)
    missing = usual + (1 << more.bit_length()) - 1 - part_bn.shape[1]
    if not missing:
        return part_bn
    return torch.cat((part_bn, part_bn.new_zeros(part_bn.shape[0], missing, *part_bn.shape[2:])), dim=1)
