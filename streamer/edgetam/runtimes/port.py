"""What a tracker asks of a runtime. Images, masks and scores are numpy arrays; features, memories and pointers are
opaque values that only their runtime opens, so that they may stay on its device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.model_info import ModelInfo

NO_OBJECT_LOGIT = -1024.0  # transformers' NO_OBJ_SCORE: the mask logit of an object that is not in the frame
MAX_LOGIT_AS_PROMPT = 32.0  # SAM 2 clamps the logits that it feeds back to this range
MASK_AS_LOGIT = 10.0  # a user's mask as logits: sigmoid(-10) is 4.5e-5

Floats = NDArray[np.float32]
Opaque = Any
Dated = tuple[float, Opaque]


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """What one object reads on a frame."""

    memories: Sequence[Dated]  # with their row of the temporal table: steps back minus one; the last one if prompted
    pointers: Sequence[Dated]  # with their age in steps
    like: tuple[Opaque, Opaque]  # a memory and a pointer: padding has their shapes


@dataclass(frozen=True, slots=True, eq=False)
class FoundMask:
    """The model's answer for one object in one window."""

    logits_hw: Floats  # at a quarter of the input size
    predicted_iou: float  # 0 to 1
    object_logit: float  # positive where the object is in the window
    pointer: Opaque
    conditioned: Opaque = None  # the features that it was found in, where memories conditioned them


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What the decoder answers to the prompts of `b` objects: `k` masks for each, 1 or 3."""

    logits_bkhw: Floats
    predicted_iou_bk: Floats
    object_logit_b: Floats
    pointers_bk: Any  # opaque values by row and number

    def best(self, row: int = 0) -> FoundMask:
        """The candidate with the highest predicted IoU."""
        k = int(self.predicted_iou_bk[row].argmax())
        object_logit, logits = float(self.object_logit_b[row]), self.logits_bkhw[row, k]
        if object_logit <= 0:
            logits = np.full_like(logits, NO_OBJECT_LOGIT)
        return FoundMask(logits, float(self.predicted_iou_bk[row, k]), object_logit, self.pointers_bk[row][k])


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """Masks in one window that are to be remembered."""

    features: Opaque
    logits_bhw: Floats  # at the model's input size
    object_logit_b: Floats
    prompted_b: NDArray[np.bool_]


class Runtime(Protocol):
    """The steps of a frame. Where it takes a sequence, it may work on the parts of it side by side."""

    name: str
    info: ModelInfo

    def encode_images(self, pixels: Sequence[Floats]) -> Sequence[Opaque]:
        """Features of normalised images, 3 x S x S each."""

    def without_memory(self, features: Opaque) -> Opaque:
        """Features as the decoder wants them for an object of which nothing is remembered."""

    def track_masks(self, windows: Sequence[tuple[Opaque, Sequence[Recall]]]) -> Sequence[Sequence[FoundMask]]:
        """For the features of each window, a mask for each object that is looked for in it."""

    def decode_points(
        self,
        features: Opaque,
        points_bn2: Floats,
        labels_bn: NDArray[np.int32],
        previous_bhw: Floats | None,
        *,
        multimask: bool,
    ) -> Candidates:
        """Masks from clicks and box corners on conditioned features, refining `previous` where given."""

    def mask_pointer(self, features: Opaque, mask_hw: Floats) -> Opaque:
        """The pointer of a user's mask, of 0 and 1 at the model's input size, which is taken as it is."""

    def encode_memories(self, windows: Sequence[Remembered]) -> Sequence[Sequence[Opaque]]:
        """A memory for each mask."""

    def to_numpy(self, value: Opaque) -> Floats:
        """A memory or a pointer, to be written to a file."""

    def from_numpy(self, values: Floats) -> Opaque:
        """What `to_numpy` gave, to be read again."""


def describe(info: ModelInfo, runtime: str) -> dict[str, Any]:
    """Model id, input size, runtime, device and dtype."""
    return {"id": info.name, "size": info.size, "runtime": runtime, "device": info.device, "dtype": info.dtype}
