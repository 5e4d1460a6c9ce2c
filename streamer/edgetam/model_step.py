"""The model's calls on one frame: masks from memories, masks from prompts, and the memories of the frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from streamer.config.settings import TrackingSettings
from streamer.edgetam.answers import Answers
from streamer.edgetam.memory import ObjectMemory
from streamer.edgetam.object_table import TrackedObject
from streamer.edgetam.preprocessor import EncodedCrop, EncodedCrops, Preprocessor
from streamer.edgetam.resizing import resize_plane
from streamer.edgetam.runtimes.port import (
    MASK_AS_LOGIT,
    MAX_LOGIT_AS_PROMPT,
    Floats,
    FoundMask,
    Opaque,
    Remembered,
    Runtime,
)
from streamer.types import Frame, Prompt

Objects = Mapping[int, TrackedObject[Any]]
Looked = tuple[EncodedCrop, Sequence[int]]  # a window, and the objects that are looked for in it


class ModelStep:
    """Calls a runtime for objects by id; keeps no state between calls, and changes nothing but `Answers`, except in
    `write_memories`, which writes the objects' memories.
    """

    def __init__(self, runtime: Runtime, tracking: TrackingSettings) -> None:
        self._runtime, self._tracking = runtime, tracking
        self._square = Preprocessor(runtime)

    def crops(self, frame: Frame) -> EncodedCrops:
        """The frame's crops, each encoded when it is first used."""
        return EncodedCrops(self._square, frame)

    def find(self, view: EncodedCrop, memory: ObjectMemory) -> FoundMask:
        """The mask of an object that is remembered so."""
        return self._runtime.track_masks([(view.features, [memory.recall()])])[0][0]

    def track_masks(
        self, looked: Sequence[Looked], objects: Objects, prompts: Mapping[int, Prompt], answers: Answers
    ) -> None:
        """All objects of each window in one pass; prompted ones are decoded again with the mask just found."""
        recalls = [[objects[object_id].memory.recall() for object_id in ids] for _, ids in looked]
        features = [view.features for view, _ in looked]
        found = self._runtime.track_masks(list(zip(features, recalls, strict=True)))
        for (view, ids), masks in zip(looked, found, strict=True):
            for object_id, mask in zip(ids, masks, strict=True):
                answers.add(view, object_id, mask)
                if object_id in prompts:
                    self._refine(view, prompts[object_id], mask, answers)

    def _refine(self, view: EncodedCrop, prompt: Prompt, found: FoundMask, answers: Answers) -> None:
        if self._tracking.exact:
            self.decode_alone(view, prompt, answers)
        else:
            previous = found.logits_hw if self._tracking.previous_logits else None
            self._prompt(view, found.conditioned, prompt, answers, previous=previous)

    def decode_alone(self, view: EncodedCrop, prompt: Prompt, answers: Answers) -> None:
        """A prompt by itself, conditioned on no memory."""
        self._prompt(view, self._runtime.without_memory(view.features), prompt, answers, previous=None)

    def _prompt(
        self, view: EncodedCrop, conditioned: Opaque, prompt: Prompt, answers: Answers, *, previous: Floats | None
    ) -> None:
        """One object's prompt. Alone: padding to another's number of clicks would change the answer."""
        answers.prompted.add(prompt.known_id)
        if prompt.mask is not None:
            given = self._square.mask(prompt.mask, view.window)
            pointer = self._runtime.mask_pointer(view.features, given)
            wide = answers.given[prompt.known_id] = (given * 2 - 1) * MASK_AS_LOGIT
            small, seen = resize_plane(wide, view.logits_size), MASK_AS_LOGIT if given.any() else -MASK_AS_LOGIT
            answers.add(view, prompt.known_id, FoundMask(small, 1.0, seen, pointer))
            return
        pointed = self._square.points(prompt, view.window)
        if pointed is None:
            return
        points, labels = pointed
        logits = None if previous is None else previous[None].clip(-MAX_LOGIT_AS_PROMPT, MAX_LOGIT_AS_PROMPT)
        multimask = self._runtime.info.gives_candidates(len(labels))
        decoded = self._runtime.decode_points(conditioned, points[None], labels[None], logits, multimask=multimask)
        answers.add(view, prompt.known_id, decoded.best())

    def write_memories(self, looked: Iterable[Looked], objects: Objects, answers: Answers, *, corrupt: bool) -> None:
        """Write each object's memory of this frame; of a damaged frame only that of prompted objects."""
        groups = [(view, list(ids)) for view, ids in looked]
        memories = self._runtime.encode_memories([self._to_remember(view, ids, answers) for view, ids in groups])
        for (_, ids), row in zip(groups, memories, strict=True):
            for object_id, value in zip(ids, row, strict=True):
                memory, prompted = objects[object_id].memory, object_id in answers.prompted
                if (corrupt or object_id in answers.denied) and not prompted:
                    memory.skip()
                else:
                    memory.write(value, answers.found[object_id].pointer, prompted=prompted)

    def _to_remember(self, view: EncodedCrop, ids: Sequence[int], answers: Answers) -> Remembered:
        found = [answers.found[object_id] for object_id in ids]
        logits = [
            answers.given[object_id] if object_id in answers.given else self._square.widened(mask.logits_hw)
            for object_id, mask in zip(ids, found, strict=True)
        ]
        return Remembered(
            view.features,
            np.stack(logits),
            np.array([mask.object_logit for mask in found], np.float32),
            np.array([object_id in answers.prompted for object_id in ids]),
        )
