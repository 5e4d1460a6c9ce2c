"""The graphs of a frame, from tensors to tensors: what every runtime runs and every export holds.

Shapes are fixed by the checkpoint but for four axes: `b` objects, `m` memories and `p` pointers of each, `n` points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from streamer.edgetam.graphs import Bank, Features, ImageEncoder, MaskDecoder
from streamer.edgetam.memory_graphs import MemoryAttention, MemoryEncoder, memory_position
from streamer.edgetam.weights import STRIDE, Checkpoint

# only what shapes are allowed: nothing is reserved
OBJECTS, MEMORIES, POINTERS, POINTS = (
    Dim(name, min=1, max=most) for name, most in (("b", 1024), ("m", 256), ("p", 256), ("n", 256))
)


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

    def __init__(self, model: Any, *, late_values: bool = False) -> None:
        super().__init__()
        self.attention = MemoryAttention(model, late_values=late_values)
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


class Point(nn.Module):
    """Clicks and boxes of b objects on one image, to k masks of each: three candidates, or the only one.

    `stride_16` is what `Follow` conditioned on an object's memories; of an object without any, the image's own with
    the model's no-memory embedding added. A box is two points, labelled 2 and 3; else a label is 1 on the object and 0
    off it. Where `object_logit` is not positive, the object is not in the image, and its masks mean nothing.
    """

    inputs = (
        *Encode.outputs,
        "points",  # b x n x 2, pixels of the model's square
        "labels",  # b x n
        "previous",  # b x 1 x S/4 x S/4, logits of the mask so far
        "has_previous",  # 1
    )
    outputs = Follow.outputs[:4]  # b x k x S/4 x S/4, b x k, b, b x k x c

    def __init__(self, model: Any, *, multimask: bool) -> None:
        super().__init__()
        self.decoder = MaskDecoder(model)
        self.multimask = multimask

    def forward(
        self,
        s0_1chw: Tensor,
        s1_1chw: Tensor,
        top_1chw: Tensor,
        points_bn2: Tensor,
        labels_bn: Tensor,
        previous_b1hw: Tensor | None,
        has_previous_1: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits, ious, tokens, object_logits = self.decoder.candidates(
            Features(s0_1chw, s1_1chw, top_1chw),
            points_bn2,
            labels_bn,
            previous_b1hw,
            multimask=self.multimask,
            has_mask=has_previous_1,
        )
        return logits, ious, object_logits, self.decoder.pointers(tokens, object_logits > 0)


class PointAtMask(nn.Module):
    """A user's mask on one image, to the pointer that remembers its object; the mask itself is taken as it is."""

    inputs = ("stride_16", "mask")  # the mask is 1 x 1 x S x S, of 0 and 1
    outputs = ("pointer",)

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder = MaskDecoder(model)

    def forward(self, top_1chw: Tensor, mask_11hw: Tensor) -> Tensor:
        _, channels, height, width = top_1chw.shape
        s0 = top_1chw.new_zeros(1, channels // 8, height * 4, width * 4)  # a pointer does not depend on the skips
        s1 = top_1chw.new_zeros(1, channels // 4, height * 2, width * 2)
        return self.decoder.pointer_of_mask(Features(s0, s1, top_1chw), mask_11hw)


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


Step = Encode | Follow | Point | PointAtMask | Remember

GRAPHS: Mapping[str, Callable[[Any], Step]] = {
    "image_encoder": Encode,
    "mask_tracker": lambda model: Follow(model, late_values=True),
    "prompt_decoder_single": lambda model: Point(model, multimask=False),
    "prompt_decoder_candidates": lambda model: Point(model, multimask=True),
    "mask_prompt_encoder": PointAtMask,
    "memory_encoder": Remember,
}


def examples(
    step: Step, checkpoint: Checkpoint, *, objects: int = 3
) -> tuple[tuple[Tensor, ...], tuple[dict[int, Any], ...]]:
    """Inputs of a step, of the right shapes, and which of their axes may vary."""
    model, size = checkpoint.model, checkpoint.size
    memories, pointers, clicks = model.config.num_maskmem, model.config.max_object_pointers_in_encoder, 2
    hidden: int = model.hidden_dim
    top = torch.zeros(1, hidden, size // STRIDE, size // STRIDE)
    skips = torch.zeros(1, hidden // 8, size // 4, size // 4), torch.zeros(1, hidden // 4, size // 8, size // 8)
    match step:
        case Encode():
            return (torch.zeros(1, 3, size, size),), ({},)
        case Remember():
            wide, flags = torch.zeros(objects, 1, size, size), torch.zeros(objects, dtype=torch.bool)
            return (top, wide, torch.zeros(objects), flags), ({}, *({0: OBJECTS},) * 3)
        case Point():
            clicked = torch.zeros(objects, clicks, 2), torch.ones(objects, clicks, dtype=torch.int32)
            previous = torch.zeros(objects, 1, size // 4, size // 4), torch.ones(1, dtype=torch.bool)
            varying_points = ({0: OBJECTS, 1: POINTS},) * 2
            return (*skips, top, *clicked, *previous), ({}, {}, {}, *varying_points, {0: OBJECTS}, {})
        case PointAtMask():
            return (top, torch.zeros(1, 1, size, size)), ({}, {})
    tokens, channels = memory_position(model).shape
    bank = (
        torch.zeros(objects, memories, tokens, channels),
        torch.zeros(objects, memories, dtype=torch.long),
        torch.ones(objects, memories, dtype=torch.bool),
        torch.zeros(objects, pointers, hidden),
        torch.zeros(objects, pointers),
        torch.ones(objects, pointers, dtype=torch.bool),
    )
    varying = ({0: OBJECTS, 1: MEMORIES},) * 3 + ({0: OBJECTS, 1: POINTERS},) * 3
    return (*skips, top, *bank), ({}, {}, {}, *varying)
