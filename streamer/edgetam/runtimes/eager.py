"""The steps of a frame in eager torch."""

from __future__ import annotations

import torch
from torch import Tensor

from streamer.edgetam.graphs import Bank, Features, MaskDecoder, Masks
from streamer.edgetam.steps import Encode, Follow, Remember
from streamer.edgetam.weights import Checkpoint


class TorchRuntime:
    """Eager torch, on any device."""

    name = "torch"

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._on_cpu = checkpoint.device.type == "cpu"
        self._encode, self._follow, self._remember = (step(checkpoint.model) for step in (Encode, Follow, Remember))
        self._decoder = MaskDecoder(checkpoint.model)
        if self._on_cpu:
            self._encode.to(memory_format=torch.channels_last)

    def encode_image(self, pixels_13hw: Tensor) -> Features:
        if self._on_cpu:
            pixels_13hw = pixels_13hw.contiguous(memory_format=torch.channels_last)
        return Features(*self._encode(pixels_13hw))

    def track_masks(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        *masks, top = self._follow(
            features.s0_gchw,
            features.s1_gchw,
            features.top_gchw,
            bank.memories_bmtc,
            bank.memory_age_bm,
            bank.memory_valid_bm,
            bank.pointers_bpc,
            bank.pointer_age_bp,
            bank.pointer_valid_bp,
        )
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
        masks: Masks = self._decoder(features, points_1n2, labels_1n, previous_11hw, multimask=multimask)
        return masks

    def encode_memory(
        self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor
    ) -> Tensor:
        memories: Tensor = self._remember(top_1chw, logits_b1hw, object_logit_b, prompted_b)
        return memories
