"""How large the object under a click is: the click is decoded in crops of several sizes, and one answer is chosen.

A click does not say whether it means a car or a street. An answer is trusted where it neither touches a border inside
the frame nor is tiny in its crop, where the model is sure of it, and where the crops next in size show the same object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.search_window import Box, Crop, around
from streamer.masks import Mask

SMALLEST_CROP = 32.0  # pixels: smaller crops of a video frame show nothing but blur
RATIO = 2.0  # between the sides of crops next in size: 2 ** 0.5 takes half as long again, for a worse first mask
MARGIN = 1.5  # of the box around several clicks: a crop must show some ground around them
EXTENTS = (0.25, 0.9)  # the object's longer side over its crop's: where the model sees it whole and in detail
SIZE_PREFERENCE = 0.35  # power of the mask's area: of two sure answers the larger is the thing, the smaller its part
STABILITY_OFFSET = 1.0  # logits: as in `mask-generation`
LEAST_IOU = 0.01  # predicted; some answers are good though the model gives them none
UNSEEN_AGREEMENT = 0.5  # where no crop is next in size


@dataclass(frozen=True, slots=True, eq=False)
class ClickAnswer:
    """The model's best mask for the clicks in one crop."""

    crop: Crop
    logits_hw: NDArray[np.float32]
    predicted_iou: float


def click_crops(points: Sequence[tuple[float, float]], height: int, width: int) -> list[Crop]:
    """Crops of a frame around the clicks on an object, the smallest first and the whole frame last."""
    x0, y0, x1, y1 = around(None, points)
    side = max(SMALLEST_CROP, MARGIN * max(x1 - x0, y1 - y0))
    crops: list[Crop] = []
    while side < min(height, width):
        s = round(side)
        x, y = round((x0 + x1 - s) / 2), round((y0 + y1 - s) / 2)
        crops.append(Crop(min(max(x, 0), width - s), min(max(y, 0), height - s), s, s))
        side *= RATIO
    return [*crops, Crop(0, 0, width, height)]


def choose_answer(answers: Sequence[ClickAnswer], height: int, width: int) -> ClickAnswer | None:
    """The most trusted of the answers of `click_crops`, in their order; None where all masks are empty."""
    seen = [number for number, answer in enumerate(answers) if (answer.logits_hw > 0).any()]
    if not seen:
        return None
    tiers = [(touches_inner_border(answers[n], height, width), not _fits(answers[n], height, width)) for n in seen]
    best = min(tiers)
    kept = [n for n, tier in zip(seen, tiers, strict=True) if tier == best]
    return answers[max(kept, key=lambda n: trust(answers, n))]


def trust(answers: Sequence[ClickAnswer], number: int) -> float:
    """Predicted IoU x stability squared x agreement with the crops next in size squared x area ** 0.35."""
    answer = answers[number]
    beside = [answers[n] for n in (number - 1, number + 1) if 0 <= n < len(answers)]
    agreements = [agreement(answer, other) for other in beside]
    agreed = float(np.mean(agreements)) if agreements else UNSEEN_AGREEMENT
    sure = min(max(answer.predicted_iou, LEAST_IOU), 1.0) * stability(answer.logits_hw) ** 2
    return sure * agreed**2 * area_in_frame(answer) ** SIZE_PREFERENCE


def area_in_frame(answer: ClickAnswer) -> float:
    """The mask's area in pixels of the frame."""
    share = float(np.count_nonzero(answer.logits_hw > 0)) / answer.logits_hw.size
    return share * answer.crop.width * answer.crop.height


def stability(logits_hw: NDArray[np.float32]) -> float:
    """IoU of the masks at a higher and a lower threshold, 0 to 1."""
    outer = int(np.count_nonzero(logits_hw > -STABILITY_OFFSET))
    return int(np.count_nonzero(logits_hw > STABILITY_OFFSET)) / outer if outer else 0.0


def agreement(one: ClickAnswer, other: ClickAnswer) -> float:
    """IoU of two answers' masks, on the grid of the larger crop."""
    small, large = sorted((one, other), key=lambda answer: answer.crop.width * answer.crop.height)
    inner, outer = _on_grid(small, large), large.logits_hw > 0
    union = int(np.count_nonzero(inner | outer))
    return int(np.count_nonzero(inner & outer)) / union if union else 0.0


def touches_inner_border(answer: ClickAnswer, height: int, width: int) -> bool:
    """Whether the mask ends where its crop does, though the frame goes on."""
    crop, mask = answer.crop, answer.logits_hw > 0
    left, top = crop.x > 0 and mask[:, 0].any(), crop.y > 0 and mask[0].any()
    right = crop.x + crop.width < width and mask[:, -1].any()
    return bool(left or top or right or (crop.y + crop.height < height and mask[-1].any()))


def box_in_frame(box_xyxy: Box, answer: ClickAnswer) -> Box:
    """A box in logits of an answer, in pixels of the frame."""
    h, w = answer.logits_hw.shape
    sx, sy = answer.crop.width / w, answer.crop.height / h
    x0, y0, x1, y1 = box_xyxy
    return x0 * sx + answer.crop.x, y0 * sy + answer.crop.y, x1 * sx + answer.crop.x, y1 * sy + answer.crop.y


def _fits(answer: ClickAnswer, height: int, width: int) -> bool:
    _, _, w, h = cv2.boundingRect((answer.logits_hw > 0).astype(np.uint8))
    extent = max(w / answer.logits_hw.shape[1], h / answer.logits_hw.shape[0])
    is_whole = answer.crop == Crop(0, 0, width, height)
    return extent >= EXTENTS[0] and (is_whole or extent <= EXTENTS[1])


def _on_grid(small: ClickAnswer, large: ClickAnswer) -> Mask:
    """The mask of a small crop on the logits' grid of a larger one that holds it."""
    h, w = large.logits_hw.shape
    sx, sy = w / large.crop.width, h / large.crop.height
    to_grid = np.array(
        [
            [small.crop.width / small.logits_hw.shape[1] * sx, 0, (small.crop.x - large.crop.x) * sx],
            [0, small.crop.height / small.logits_hw.shape[0] * sy, (small.crop.y - large.crop.y) * sy],
        ],
        np.float32,
    )
    inside = cv2.warpAffine((small.logits_hw > 0).astype(np.float32), to_grid, (w, h), flags=cv2.INTER_AREA)
    mask: Mask = inside > 0.5
    return mask
