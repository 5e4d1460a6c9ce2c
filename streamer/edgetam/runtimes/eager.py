"""The steps of a frame in eager torch, on any device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamer.edgetam.graphs import Features
from streamer.edgetam.model_info import info_of
from streamer.edgetam.runtimes.cache import fingerprint
from streamer.edgetam.runtimes.port import Candidates, Floats, FoundMask, Recall, Remembered
from streamer.edgetam.runtimes.recall import Padded, stacked
from streamer.edgetam.steps import GRAPHS, Encode, Follow
from streamer.edgetam.weights import Checkpoint


class TorchRuntime:
    """Features and memories are tensors on the checkpoint's device; only masks and scores leave it."""

    name = "torch"
    leaves_out_masks = True  # validity masks without padding: attention is quicker without

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self._device = checkpoint, checkpoint.device
        self.info = info_of(checkpoint, fingerprint(checkpoint.model))
        self._on_cpu = checkpoint.device.type == "cpu"
        model = checkpoint.model
        # torch has no fused attention for late values
        self._steps = {graph: make(model) for graph, make in {**GRAPHS, "mask_tracker": Follow}.items()}
        if self._on_cpu and isinstance(encoder := self._steps["image_encoder"], Encode):
            encoder.to(memory_format=torch.channels_last)
        self._no_memory_1c11 = model.no_memory_embedding[0, 0, None, :, None, None]

    def run(self, graph: str, tensors: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        """A graph's outputs, in float32."""
        checkpoint = self.checkpoint
        half = checkpoint.dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, checkpoint.dtype, enabled=half):
            answers = self._call(graph, tensors)
        return tuple(answer.float() for answer in ((answers,) if isinstance(answers, Tensor) else answers))

    def _call(self, graph: str, tensors: Sequence[Tensor | None]) -> Tensor | tuple[Tensor, ...]:
        answers: Tensor | tuple[Tensor, ...] = self._steps[graph](*tensors)
        return answers

    def encode_images(self, pixels: Sequence[Floats]) -> list[Features]:
        """One after the other on a CPU, where a batch is no quicker; else as one batch."""
        if self._on_cpu:
            return [features for image in pixels for features in self._encode([image])]
        return self._encode(pixels)

    def _encode(self, pixels: Sequence[Floats]) -> list[Features]:
        batch = self._tensor(np.stack(pixels))
        if self._on_cpu:
            batch = batch.contiguous(memory_format=torch.channels_last)
        s0, s1, top = self.run("image_encoder", [batch])
        return [Features(s0[n : n + 1], s1[n : n + 1], top[n : n + 1]) for n in range(len(pixels))]

    def without_memory(self, features: Features) -> Features:
        with torch.inference_mode():
            return Features(features.s0_gchw, features.s1_gchw, features.top_gchw + self._no_memory_1c11)

    def track_masks(self, windows: Sequence[tuple[Features, Sequence[Recall]]]) -> list[list[FoundMask]]:
        return [self._track(features, recalls) for features, recalls in windows]

    def _track(self, features: Features, recalls: Sequence[Recall]) -> list[FoundMask]:
        with torch.inference_mode():
            memories, pointers = self.recalled(recalls)
        all_valid = self.leaves_out_masks and bool(memories.valid_bn.all() and pointers.valid_bn.all())
        masks: list[Tensor | None] = []
        for part, kind in ((memories, torch.long), (pointers, torch.float32)):
            ages = self._tensor(part.ages_bn).to(kind)
            masks += [part.values_bnc, ages, None if all_valid else self._tensor(part.valid_bn)]
        images = (features.s0_gchw, features.s1_gchw, features.top_gchw)
        logits, ious, object_logits, found_pointers, top = self.run("mask_tracker", [*images, *masks])
        conditioned = [Features(images[0], images[1], top[row : row + 1]) for row in range(len(recalls))]
        parts = (_numpy(logits), ious.tolist(), object_logits.tolist(), found_pointers.unbind(), conditioned)
        return [FoundMask(*row) for row in zip(*parts, strict=True)]

    def recalled(self, recalls: Sequence[Recall]) -> tuple[Padded, Padded]:
        """Memories and pointers as tensors."""
        return stacked(recalls, stack_tensors, torch.zeros_like)

    def decode_points(
        self,
        features: Features,
        points_bn2: Floats,
        labels_bn: NDArray[np.int32],
        previous_bhw: Floats | None,
        *,
        multimask: bool,
    ) -> Candidates:
        graph = "prompt_decoder_candidates" if multimask else "prompt_decoder_single"
        images = (features.s0_gchw, features.s1_gchw, features.top_gchw)
        logits, ious, object_logits, pointers = self.run(
            graph,
            [*images, self._tensor(points_bn2), self._tensor(labels_bn), *self.previous(previous_bhw, points_bn2)],
        )
        rows = [row.unbind() for row in pointers.expand(-1, ious.shape[1], -1)]
        return Candidates(_numpy(logits), _numpy(ious), _numpy(object_logits), rows)

    def previous(self, previous_bhw: Floats | None, _: Floats) -> tuple[Tensor | None, Tensor | None]:
        """The decoder's inputs for the mask so far, and whether there is one."""
        return (None if previous_bhw is None else self._tensor(previous_bhw)[:, None]), None

    def mask_pointer(self, features: Features, mask_hw: Floats) -> Tensor:
        (pointers,) = self.run("mask_prompt_encoder", [features.top_gchw, self._tensor(mask_hw)[None, None]])
        return pointers[0]

    def encode_memories(self, windows: Sequence[Remembered]) -> list[list[Tensor]]:
        return [self._remember(window) for window in windows]

    def _remember(self, window: Remembered) -> list[Tensor]:
        masks, logits = self._tensor(window.logits_bhw)[:, None], self._tensor(window.object_logit_b)
        prompted = self._tensor(window.prompted_b)
        (memories,) = self.run("memory_encoder", [window.features.top_gchw, masks, logits, prompted])
        return [memory.clone() for memory in memories]

    def to_numpy(self, value: Tensor) -> Floats:
        return _numpy(value)

    def from_numpy(self, values: Floats) -> Tensor:
        return self._tensor(values)

    def _tensor(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


def stack_tensors(values: Sequence[Tensor]) -> Tensor:
    """`torch.stack`, which takes lists alone."""
    return torch.stack(list(values))


def _numpy(value: Tensor) -> Floats:
    return np.array(value.float().cpu().numpy())
