"""EdgeTAM's arithmetic as pure modules, batched over objects.

Each module borrows the weights of a transformers `EdgeTamVideoModel` and keeps no state between calls. Letters in names
are axes: `g` images, `b` objects, `m` memories, `p` pointers, `t` tokens of one memory, `k` keys, `c` channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamer.edgetam.runtimes.port import MASK_AS_LOGIT, NO_OBJECT_LOGIT


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the image encoder makes of `g` images: strides 4 and 8 for the decoder's skips, stride 16 to think with."""

    s0_gchw: Tensor
    s1_gchw: Tensor
    top_gchw: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """What `b` objects remember, padded to common sizes; the masks are None when nothing is padding."""

    memories_bmtc: Tensor
    memory_age_bm: Tensor  # row of the temporal table: steps back minus one; the last row for a conditioning frame
    pointers_bpc: Tensor
    pointer_age_bp: Tensor  # steps back
    memory_valid_bm: Tensor | None = None
    pointer_valid_bp: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The decoder's answer for `b` objects, the best candidate already chosen."""

    logits_bhw: Tensor  # at a quarter of the input size
    predicted_iou_b: Tensor  # 0 to 1
    object_logit_b: Tensor  # positive where the object is in the frame
    pointer_bc: Tensor


class ImageEncoder(nn.Module):
    """Pixels to features: backbone, neck, and the decoder's two skip projections."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        neck = model.vision_encoder.neck
        self.backbone = model.vision_encoder.backbone
        self.top_down_levels = tuple(neck.fpn_top_down_levels)
        self.laterals = nn.ModuleList(reversed(neck.convs))  # finest level first
        self.skips = nn.ModuleList([model.mask_decoder.conv_s0, model.mask_decoder.conv_s1, nn.Identity()])

    def forward(self, pixels_g3hw: Tensor) -> Features:
        return self.pyramid(self.backbone(pixels_g3hw).last_hidden_state)

    def pyramid(self, maps: list[Tensor]) -> Features:
        """The neck: 1x1 projections, with a coarser level added where the config asks for it."""
        coarsest = len(maps) - 1
        levels: dict[int, Tensor] = {}
        for level in range(coarsest, -1, -1):
            lateral = self.laterals[level](maps[level])
            if level in self.top_down_levels and level != coarsest:
                lateral = lateral + F.interpolate(levels[level + 1], scale_factor=2.0, mode="nearest")
            levels[level] = lateral
        s0, s1, top = (skip(levels[level]) for level, skip in enumerate(self.skips))
        return Features(s0, s1, top)


class MaskDecoder(nn.Module):
    """Prompts and features to one mask for each object."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.prompt_encoder = model.prompt_encoder
        self.mask_decoder = model.mask_decoder
        self.pointer_projection = model.object_pointer_proj
        self.no_pointer_1c = model.no_object_pointer
        self.mask_downsample = model.mask_downsample
        self.register_buffer("image_position_1chw", model.get_image_wide_positional_embeddings(), persistent=False)

    image_position_1chw: Tensor

    def candidates(
        self,
        features: Features,
        points_bn2: Tensor,
        labels_bn: Tensor,
        masks_b1hw: Tensor | None,
        *,
        multimask: bool,
        has_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits b x n x h x w, predicted IoU b x n, tokens b x n x c, object logit b, before one is chosen.

        Points are in pixels of the model's square; labels are 1 in, 0 out, 2 and 3 a box's corners, -1 none. Where
        `has_mask` (a bool) is given and false, the mask counts as none: a graph cannot leave an input out.
        """
        sparse, dense = self.prompt_encoder(points_bn2[:, None], labels_bn[:, None], None, masks_b1hw)
        if has_mask is not None:
            dense = torch.where(has_mask, dense, self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1))
        top = features.top_gchw.expand(points_bn2.shape[0], -1, -1, -1)
        logits, ious, tokens, object_logits = self.mask_decoder(
            image_embeddings=top,
            image_positional_embeddings=self.image_position_1chw,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            high_resolution_features=[features.s0_gchw, features.s1_gchw],
        )
        return logits[:, 0], ious[:, 0], tokens[:, 0], object_logits[:, 0, 0]

    def forward(
        self,
        features: Features,
        points_bn2: Tensor,
        labels_bn: Tensor,
        masks_b1hw: Tensor | None,
        *,
        multimask: bool,
        has_mask: Tensor | None = None,
    ) -> Masks:
        """The candidate with the highest predicted IoU, and the pointer that remembers it."""
        logits, ious, tokens, object_logits = self.candidates(
            features, points_bn2, labels_bn, masks_b1hw, multimask=multimask, has_mask=has_mask
        )
        best = ious.argmax(dim=1)
        row = torch.arange(best.shape[0], device=best.device)
        seen_b11 = (object_logits > 0)[:, None, None]
        return Masks(
            logits_bhw=logits[row, best].masked_fill(~seen_b11, NO_OBJECT_LOGIT),
            predicted_iou_b=ious[row, best],
            object_logit_b=object_logits,
            pointer_bc=self.pointer(tokens[row, best if tokens.shape[1] > 1 else 0], object_logits > 0),
        )

    def pointer(self, token_bc: Tensor, seen_b: Tensor) -> Tensor:
        return torch.where(seen_b[:, None], self.pointer_projection(token_bc), self.no_pointer_1c)

    def pointers(self, tokens_bkc: Tensor, seen_b: Tensor) -> Tensor:
        return torch.where(seen_b[:, None, None], self.pointer_projection(tokens_bkc), self.no_pointer_1c)

    def pointer_of_mask(self, features: Features, masks_b1hw: Tensor) -> Tensor:
        """The pointer of a mask given by the user, at the model's square and 0 or 1, which is taken as it is."""
        points = masks_b1hw.new_zeros(masks_b1hw.shape[0], 1, 2)
        labels = torch.full((masks_b1hw.shape[0], 1), -1, dtype=torch.int32, device=masks_b1hw.device)
        decoded = self(features, points, labels, self.mask_downsample(masks_b1hw), multimask=True)
        seen_b = masks_b1hw.flatten(1).amax(dim=1) > 0
        return torch.where(seen_b[:, None], decoded.pointer_bc, self.no_pointer_1c)

    def from_mask(self, features: Features, masks_b1hw: Tensor) -> Masks:
        """A mask given by the user as the decoder's answer: for training; the tracker resizes it in numpy."""
        size = (masks_b1hw.shape[-2] // 4, masks_b1hw.shape[-1] // 4)
        logits = (masks_b1hw * 2 - 1) * MASK_AS_LOGIT
        seen_b = masks_b1hw.flatten(1).any(dim=1)
        return Masks(
            logits_bhw=F.interpolate(logits, size=size, mode="bilinear", align_corners=False, antialias=True)[:, 0],
            predicted_iou_b=torch.ones_like(seen_b, dtype=logits.dtype),
            object_logit_b=torch.where(seen_b, MASK_AS_LOGIT, -MASK_AS_LOGIT),
            pointer_bc=self.pointer_of_mask(features, masks_b1hw),
        )
