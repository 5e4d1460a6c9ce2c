"""The three graphs of a tracked frame, from tensors to tensors: what every runtime runs and every export holds.

Shapes are fixed by the checkpoint but for three axes: `b` objects, `m` memories and `p` pointers of each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from streamer.edgetam.graphs import Bank, Features, ImageEncoder, MaskDecoder, MemoryAttention, MemoryEncoder


class Encode(nn.Module):
    """Normalised pixels, 1 x 3 x S x S, to features at strides 4, 8 and 16."""

    inputs = ("pixels",)
    outputs = ("stride_4", "stride_8", "stride_16")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.images = ImageEncoder(model)

    def forward(self, pixels_13hw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.images(pixels_13hw)
        return features.s0_gchw, features.s1_gchw, features.top_gchw


class Follow(nn.Module):
    """Features of one image and what b objects remember, to a mask for each and the features it was found in."""

    inputs = (
        *Encode.outputs,
        "memories",  # b x m x t x c
        "memory_age",  # b x m: row of the temporal table
        "memory_valid",  # b x m
        "pointers",  # b x p x c
        "pointer_age",  # b x p: frames back
        "pointer_valid",  # b x p
    )
    outputs = ("mask_logits", "predicted_iou", "object_logit", "pointer", "conditioned")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.attention = MemoryAttention(model)
        self.decoder = MaskDecoder(model)
        config = model.config
        self.multimask = bool(
            config.multimask_output_in_sam and config.multimask_output_for_tracking and config.multimask_min_pt_num == 0
        )

    def forward(
        self,
        s0_1chw: Tensor,
        s1_1chw: Tensor,
        top_1chw: Tensor,
        memories_bmtc: Tensor,
        memory_age_bm: Tensor,
        memory_valid_bm: Tensor | None,
        pointers_bpc: Tensor,
        pointer_age_bp: Tensor,
        pointer_valid_bp: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        objects, device = memories_bmtc.shape[0], memories_bmtc.device
        bank = Bank(memories_bmtc, memory_age_bm, pointers_bpc, pointer_age_bp, memory_valid_bm, pointer_valid_bp)
        top = self.attention(top_1chw, torch.zeros(objects, dtype=torch.long, device=device), bank)
        points = torch.zeros(objects, 1, 2, device=device)
        labels = torch.full((objects, 1), -1, dtype=torch.int32, device=device)
        conditioned = Features(s0_1chw, s1_1chw, top)
        masks = self.decoder(conditioned, points, labels, None, multimask=self.multimask)
        return masks.logits_bhw, masks.predicted_iou_b, masks.object_logit_b, masks.pointer_bc, top


class Remember(nn.Module):
    """Features of one image and b masks on it, at the model's square, to b memories (b x t x c)."""

    inputs = ("stride_16", "mask_logits", "object_logit", "prompted")
    outputs = ("memory",)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.memory = MemoryEncoder(model)

    def forward(self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor) -> Tensor:
        memories: Tensor = self.memory(top_1chw, logits_b1hw, object_logit_b, prompted_b)
        return memories
