"""The loss of SAM 2 (arXiv 2408.00714, appendix D.2) on the best candidate, its predicted IoU and its presence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ABSENT_WEIGHT = 4.0  # absent objects are rare in the clips, and a tracker that never says "gone" takes a neighbour
IOU_WEIGHT = 2.5  # of the squared error: its best answer is the mean, where the absolute error's is the median
LOSS_SIDE = 128  # logits are compared at half the input: fine enough for borders, a quarter of the work of 256


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The loss of one frame, and the IoU with the truth of every candidate (b x n)."""

    loss: Tensor
    iou_bn: Tensor


def judge(logits_bnhw: Tensor, iou_bn: Tensor, object_logit_b: Tensor, true_bhw: Tensor) -> Judged:
    """Compare candidates with true masks, b x LOSS_SIDE x LOSS_SIDE, from 0 to 1."""
    logits = F.interpolate(logits_bnhw, size=true_bhw.shape[-2:], mode="bilinear", align_corners=False)
    true = true_bhw[:, None].expand_as(logits)
    present_b = (true_bhw > 0.5).flatten(1).any(dim=1).float()
    with torch.no_grad():
        inside, real = logits > 0, true > 0.5
        true_iou = (inside & real).sum((2, 3)) / (inside | real).sum((2, 3)).clamp(min=1)
    cross = F.binary_cross_entropy_with_logits(logits, true, reduction="none")
    probability = logits.sigmoid()
    wrong = (probability - true).abs()
    focal = (cross * wrong.square()).mean((2, 3))
    dice = 1 - (2 * (probability * true).sum((2, 3)) + 1) / (probability.sum((2, 3)) + true.sum((2, 3)) + 1)
    mask_loss = (20 * focal + cross.mean((2, 3)) + dice).min(dim=1).values
    iou_loss = IOU_WEIGHT * (iou_bn - true_iou).square().mean(dim=1)  # an absent object's true IoU is 0
    presence = F.binary_cross_entropy_with_logits(object_logit_b, present_b, reduction="none")
    presence = presence * torch.where(present_b > 0, 1.0, ABSENT_WEIGHT)
    return Judged((present_b * mask_loss + iou_loss + presence).mean(), true_iou)
