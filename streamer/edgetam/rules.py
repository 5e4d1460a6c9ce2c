"""What a tracker keeps, when it calls an object lost, and what it does beyond transformers' loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

SMALL_INPUT = 384  # pixels: models up to that size need windows to see small objects


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept, and when an object is called occluded or lost.

    An object is `tracked` where its score is above `score_threshold` and its mask is not empty, else `occluded`; after
    `lost_after` such frames in a row `lost`. A lost object is still looked for.

    When the source's epoch changes, `across_gap` says what stays: `keep` everything, `keep_prompted` what users pointed
    at (what was seen last says little of where things are now), or `restart` nothing: all objects are lost, and not
    looked for, until they are prompted again. Memory is in the model's square, so a new size of picture is no matter.

    `robust` turns on what follows it, which transformers does not do (None: on for inputs of 384 pixels and less, which
    cannot see small things). `exact` is transformers' documented loop and nothing else: a refinement, too, forgets what
    is remembered. docs/accuracy.md has what each switch was measured to be worth.
    """

    conditioning: int = 4  # prompted frames kept for each object, 1 or more
    score_threshold: float = 0.5
    lost_after: int = 30
    max_objects: int = 64
    across_gap: Literal["keep", "keep_prompted", "restart"] = "keep_prompted"
    exact: bool = False
    previous_logits: bool = True  # a refinement starts from the mask just found on the same frame
    robust: bool | None = None
    zoom: float | None = 2.5  # look for an object in a window so many times its size; None: in the whole picture
    remember_above: float = 0.0  # predicted IoU below which a frame is not remembered, unless the object is hidden
    remember_hidden: bool = True  # frames on which an object is not seen
    anchors: int = 0  # sure frames of an object's usual size that stay remembered beside the prompted ones

    def for_input(self, size: int) -> Rules:
        """These rules with `robust` decided for a model's input size, and carried out."""
        if not self.exact and (self.robust or (self.robust is None and size <= SMALL_INPUT)):
            return replace(self, robust=True)
        return replace(self, robust=False, zoom=None, remember_above=0.0, remember_hidden=True, anchors=0)
