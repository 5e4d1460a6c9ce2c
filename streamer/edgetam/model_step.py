"""The model's calls on one frame: masks from memories, masks from prompts, and the memories of the frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from streamer.config.settings import TrackingSettings
from streamer.edgetam.answers import Answers
from streamer.edgetam.graphs import MAX_LOGIT_AS_PROMPT, Features, MaskDecoder, Masks
from streamer.edgetam.memory import ObjectMemory, bank
from streamer.edgetam.object_table import TrackedObject
from streamer.edgetam.preprocessor import EncodedCrop, EncodedCrops, Preprocessor
from streamer.edgetam.runtimes.choose import Runtime
from streamer.edgetam.weights import Checkpoint
from streamer.types import Frame, Prompt

Objects = Mapping[int, TrackedObject]


class ModelStep:
    """Calls a runtime for objects by id; keeps no state between calls, and changes nothing but `Answers`, except in
    `write_memories`, which writes the objects' memories.
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime, tracking: TrackingSettings) -> None:
        self._runtime, self._tracking = runtime, tracking
        self._size, self._config = checkpoint.size, checkpoint.model.config
        self._square = Preprocessor(checkpoint, runtime)
        self._decoder = MaskDecoder(checkpoint.model)
        self._no_memory_c11 = checkpoint.model.no_memory_embedding[0, 0, :, None, None]

    def crops(self, frame: Frame) -> EncodedCrops:
        """The frame's crops, each encoded when it is first used."""
        return EncodedCrops(self._square, frame)

    def find(self, view: EncodedCrop, memories: Sequence[ObjectMemory]) -> tuple[Masks, Tensor]:
        """A mask for each memory, and the features that it was found in."""
        return self._runtime.track_masks(view.features, bank(memories, self._config.num_maskmem - 1))

    def track_masks(
        self, view: EncodedCrop, ids: Sequence[int], objects: Objects, prompts: Mapping[int, Prompt], answers: Answers
    ) -> None:
        """All objects of a window in one pass; prompted ones are decoded again with the mask just found."""
        features = view.features
        masks, top = self.find(view, [objects[object_id].memory for object_id in ids])
        answers.add(view, ids, masks)
        for row, object_id in enumerate(ids):
            if object_id in prompts and self._tracking.exact:
                self.decode_alone(view, prompts[object_id], answers)
            elif object_id in prompts:
                one = Features(features.s0_gchw, features.s1_gchw, top[row : row + 1])
                previous = answers.logits[object_id] if self._tracking.previous_logits else None
                self._prompt(view, one, prompts[object_id], answers, previous=previous)

    def decode_alone(self, view: EncodedCrop, prompt: Prompt, answers: Answers) -> None:
        """A prompt by itself, conditioned on no memory."""
        features = view.features
        top = features.top_gchw + self._no_memory_c11
        unconditioned = Features(features.s0_gchw, features.s1_gchw, top)
        self._prompt(view, unconditioned, prompt, answers, previous=None)

    def _prompt(
        self, view: EncodedCrop, conditioned: Features, prompt: Prompt, answers: Answers, *, previous: Tensor | None
    ) -> None:
        """One object's prompt. Alone: padding to another's number of clicks would change the answer."""
        answers.prompted.add(prompt.known_id)
        if prompt.mask is not None:
            given = self._square.mask(prompt.mask, view.window)
            answers.given[prompt.known_id] = given[0, 0] * 20 - 10
            answers.add(view, [prompt.known_id], self._decoder.from_mask(view.features, given))
            return
        pointed = self._square.points(prompt, view.window)
        if pointed is None:
            return
        points, labels = pointed
        logits = None if previous is None else previous[None, None].clamp(-MAX_LOGIT_AS_PROMPT, MAX_LOGIT_AS_PROMPT)
        multimask = self._multimask(labels.shape[1])
        masks = self._runtime.decode_prompt(conditioned, points, labels, logits, multimask=multimask)
        answers.add(view, [prompt.known_id], masks)

    def _multimask(self, points: int) -> bool:
        config = self._config
        within = config.multimask_min_pt_num <= points <= config.multimask_max_pt_num
        return bool(config.multimask_output_in_sam and within)

    def write_memories(
        self, view: EncodedCrop, ids: Sequence[int], objects: Objects, answers: Answers, *, corrupt: bool
    ) -> None:
        """Write each object's memory of this frame; of a damaged frame only that of prompted objects."""
        size = (self._size, self._size)
        masks = answers.masks(ids)
        wide = F.interpolate(masks.logits_bhw[:, None].float(), size=size, mode="bilinear", align_corners=False)
        for row, object_id in enumerate(ids):
            if object_id in answers.given:
                wide[row, 0] = answers.given[object_id]
        prompted = torch.tensor([object_id in answers.prompted for object_id in ids], device=wide.device)
        memories = self._runtime.encode_memory(view.features.top_gchw, wide, masks.object_logit_b, prompted).float()
        for row, object_id in enumerate(ids):
            memory = objects[object_id].memory
            if (corrupt or object_id in answers.denied) and object_id not in answers.prompted:
                memory.skip()
                continue
            pointer = masks.pointer_bc[row].float().clone()
            memory.write(memories[row].clone(), pointer, prompted=object_id in answers.prompted)
