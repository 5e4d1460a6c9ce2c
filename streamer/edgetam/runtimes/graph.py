"""The graphs of a frame in an engine that takes and gives numpy arrays: OpenVINO, ONNX Runtime. No torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.model_info import ModelInfo
from streamer.edgetam.runtimes.port import Candidates, Floats, FoundMask, Recall, Remembered
from streamer.edgetam.runtimes.recall import stacked_to_usual

Arrays = Sequence[NDArray[np.generic]]
Features = tuple[Floats, Floats, Floats]  # strides 4, 8 and 16
GRAPHS = (
    "image_encoder",
    "mask_tracker",
    "prompt_decoder_single",
    "prompt_decoder_candidates",
    "mask_prompt_encoder",
    "memory_encoder",
)


class GraphRuntime(ABC):
    """A `Runtime` of the graphs: `run` is all that differs between engines."""

    name: str

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self._no_memory_1c11 = np.array(info.no_memory, np.float32)[None, :, None, None]
        self._usual = (info.memories, info.pointers)

    @abstractmethod
    def run(self, graph: str, inputs: Sequence[Arrays]) -> list[list[Floats]]:
        """A graph's outputs for each of some inputs, which later calls leave alone."""

    def encode_images(self, pixels: Sequence[Floats]) -> list[Features]:
        outputs = self.run("image_encoder", [[image[None]] for image in pixels])
        return [(s0, s1, top) for s0, s1, top in outputs]

    def without_memory(self, features: Features) -> Features:
        s0, s1, top = features
        return s0, s1, top + self._no_memory_1c11

    def track_masks(self, windows: Sequence[tuple[Features, Sequence[Recall]]]) -> list[list[FoundMask]]:
        outputs = self.run("mask_tracker", [self._tracked(features, recalls) for features, recalls in windows])
        found = []
        for ((s0, s1, _), _), (*masks, top) in zip(windows, outputs, strict=True):
            logits, ious, object_logits, pointers = masks
            conditioned = [(s0, s1, top[row : row + 1]) for row in range(len(top))]
            parts = (logits, ious.tolist(), object_logits.tolist(), pointers, conditioned)
            found.append([FoundMask(*row) for row in zip(*parts, strict=True)])
        return found

    def _tracked(self, features: Features, recalls: Sequence[Recall]) -> Arrays:
        memories, pointers = stacked_to_usual(recalls, np.stack, np.zeros_like, self._usual)
        rows = memories.ages_bn.astype(np.int64)
        remembered = (memories.values_bnc, rows, memories.valid_bn)
        return [*features, *remembered, pointers.values_bnc, pointers.ages_bn, pointers.valid_bn]

    def decode_points(
        self,
        features: Features,
        points_bn2: Floats,
        labels_bn: NDArray[np.int32],
        previous_bhw: Floats | None,
        *,
        multimask: bool,
    ) -> Candidates:
        side = self.info.logits_size
        values = np.zeros((len(points_bn2), side, side), np.float32) if previous_bhw is None else previous_bhw
        previous = (values[:, None], np.array([previous_bhw is not None]))
        graph = "prompt_decoder_candidates" if multimask else "prompt_decoder_single"
        ((logits, ious, object_logits, pointers),) = self.run(graph, [[*features, points_bn2, labels_bn, *previous]])
        return Candidates(logits, ious, object_logits, pointers.repeat(ious.shape[1] // pointers.shape[1], axis=1))

    def mask_pointer(self, features: Features, mask_hw: Floats) -> Floats:
        ((pointers,),) = self.run("mask_prompt_encoder", [[features[2], mask_hw[None, None]]])
        return pointers[0]

    def encode_memories(self, windows: Sequence[Remembered]) -> list[list[Floats]]:
        outputs = self.run(
            "memory_encoder",
            [[w.features[2], w.logits_bhw[:, None], w.object_logit_b, w.prompted_b] for w in windows],
        )
        return [[memory.copy() for memory in memories] for (memories,) in outputs]

    def to_numpy(self, value: Floats) -> Floats:
        return value

    def from_numpy(self, values: Floats) -> Floats:
        return values
