"""What the model says of each object on one frame, gathered from calls on different windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.edgetam.graphs import NO_OBJECT_LOGIT, Masks
from streamer.edgetam.preprocessor import EncodedCrop, paste_mask
from streamer.edgetam.search_window import Crop
from streamer.masks import Mask
from streamer.types import Frame


@dataclass(slots=True, eq=False)
class Answers:
    """Masks by object id."""

    views: dict[int, EncodedCrop] = field(default_factory=dict)
    logits: dict[int, Tensor] = field(default_factory=dict)  # h x w, of the view's window
    rows: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)  # IoU, object logit, pointer
    given: dict[int, Tensor] = field(default_factory=dict)  # mask prompts at the model's input size, as logits
    prompted: set[int] = field(default_factory=set)
    denied: set[int] = field(default_factory=set)

    def add(self, view: EncodedCrop, ids: Sequence[int], masks: Masks) -> None:
        for row, object_id in enumerate(ids):
            self.views[object_id] = view
            self.logits[object_id] = masks.logits_bhw[row]
            self.rows[object_id] = (masks.predicted_iou_b[row], masks.object_logit_b[row], masks.pointer_bc[row])

    def is_seen(self, object_id: int) -> bool:
        """Whether the model says that the object is in its window."""
        return float(self.rows[object_id][1]) > 0

    def deny(self, object_id: int) -> None:
        """Take back that an object was seen; nothing is remembered of it."""
        iou, object_logit, pointer = self.rows[object_id]
        self.rows[object_id] = iou, -object_logit.abs(), pointer
        self.logits[object_id] = torch.full_like(self.logits[object_id], NO_OBJECT_LOGIT)
        self.denied.add(object_id)

    def by_view(self, ids: Sequence[int]) -> Iterator[tuple[EncodedCrop, list[int]]]:
        """Those who were looked for in the same window."""
        groups: dict[Crop, list[int]] = {}
        for object_id in ids:
            groups.setdefault(self.views[object_id].window, []).append(object_id)
        return ((self.views[group[0]], group) for group in groups.values())

    def masks(self, ids: Sequence[int]) -> Masks:
        ious, logits, pointers = zip(*(self.rows[i] for i in ids), strict=True)
        return Masks(
            torch.stack([self.logits[i] for i in ids]), torch.stack(ious), torch.stack(logits), torch.stack(pointers)
        )

    def shown(self, frame: Frame, ids: Sequence[int]) -> list[Mask]:
        """The masks of the visible ones of these objects, in the frame."""
        return [
            paste_mask(plane(self.logits[i]), self.views[i].window, frame.height, frame.width)
            for i in ids
            if self.is_seen(i)
        ]


def plane(logits_hw: Tensor) -> NDArray[np.float32]:
    """A copy of one object's logits."""
    return np.array(logits_hw.float().cpu().numpy())
