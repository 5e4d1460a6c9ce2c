"""What the model says of each object on one frame, gathered from calls on different windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from streamer.edgetam.preprocessor import EncodedCrop, paste_mask
from streamer.edgetam.runtimes.port import NO_OBJECT_LOGIT, Floats, FoundMask
from streamer.edgetam.search_window import Crop
from streamer.masks import Mask
from streamer.types import Frame


@dataclass(slots=True, eq=False)
class Answers:
    """Masks by object id."""

    views: dict[int, EncodedCrop] = field(default_factory=dict)
    found: dict[int, FoundMask] = field(default_factory=dict)
    given: dict[int, Floats] = field(default_factory=dict)  # mask prompts at the model's input size, as logits
    prompted: set[int] = field(default_factory=set)
    denied: set[int] = field(default_factory=set)

    def add(self, view: EncodedCrop, object_id: int, found: FoundMask) -> None:
        self.views[object_id] = view
        self.found[object_id] = found

    def is_seen(self, object_id: int) -> bool:
        """Whether the model says that the object is in its window."""
        return self.found[object_id].object_logit > 0

    def deny(self, object_id: int) -> None:
        """Take back that an object was seen; nothing is remembered of it."""
        found = self.found[object_id]
        empty = np.full_like(found.logits_hw, NO_OBJECT_LOGIT)
        self.found[object_id] = replace(found, logits_hw=empty, object_logit=-abs(found.object_logit))
        self.denied.add(object_id)

    def by_view(self, ids: Sequence[int]) -> Iterator[tuple[EncodedCrop, list[int]]]:
        """The objects that were searched for in the same window."""
        groups: dict[Crop, list[int]] = {}
        for object_id in ids:
            groups.setdefault(self.views[object_id].window, []).append(object_id)
        return ((self.views[group[0]], group) for group in groups.values())

    def shown(self, frame: Frame, ids: Sequence[int]) -> list[Mask]:
        """The masks of the visible ones of these objects, in the frame."""
        return [
            paste_mask(self.found[i].logits_hw, self.views[i].window, frame.height, frame.width)
            for i in ids
            if self.is_seen(i)
        ]


def probability(logit: float) -> float:
    """The sigmoid of a logit."""
    return 0.5 * (1 + math.tanh(logit / 2))
