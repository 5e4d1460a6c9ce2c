"""transformers' own documented streaming loop: the yardstick of parity and of benchmarks. Nothing else uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.edgetam.runtimes.port import Floats
from streamer.edgetam.weights import Checkpoint
from streamer.types import Frame, Prompt


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceTrack:
    """What transformers says of the object: low-resolution logits, and the mask at the frame's size."""

    logits: NDArray[np.float32]
    mask: NDArray[np.bool_]
    object_logit: float


class ReferenceTracker:
    """One transformers session, streamed as its documentation does; memory grows with every frame."""

    def __init__(self, checkpoint: Checkpoint, pixels: Callable[[Frame], Floats] | None = None) -> None:
        """`pixels` resizes in place of transformers, so that a comparison is of the model alone."""
        from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

        options: dict[str, Any] = {
            "size": {"height": checkpoint.size, "width": checkpoint.size},
            "image_mean": list(checkpoint.mean),
            "image_std": list(checkpoint.std),
        }
        self._model = checkpoint.model
        self._processor = Sam2VideoProcessor(
            Sam2ImageProcessor(**options), Sam2VideoVideoProcessor(**options), target_size=checkpoint.size
        )
        self._session = self._processor.init_video_session(inference_device=checkpoint.device)
        self._index = 0
        self._pixels = pixels

    def track(self, frame: Frame, prompt: Prompt | None = None) -> ReferenceTrack:
        """The only object on the next frame; a prompt on it is added first."""
        return self.track_all(frame, () if prompt is None else (prompt,))[0]

    def track_all(self, frame: Frame, prompts: Sequence[Prompt] = ()) -> list[ReferenceTrack]:
        """All objects on the next frame, in the order in which they were added; several prompts must all be boxes."""
        inputs = self._processor(images=np.array(frame.image), return_tensors="pt")
        if len(prompts) > 1:
            self._add_boxes(frame, prompts)
        elif prompts:
            self._add(frame, prompts[0])
        image = inputs.pixel_values[0] if self._pixels is None else torch.from_numpy(self._pixels(frame))
        output = self._model(inference_session=self._session, frame=image, frame_idx=self._index)
        self._index += 1
        wide = self._processor.post_process_masks([output.pred_masks], inputs.original_sizes, binarize=False)[0]
        return [
            ReferenceTrack(low[0].float().numpy(), (mask[0] > 0).numpy(), float(logit))
            for low, mask, logit in zip(
                output.pred_masks, wide, output.object_score_logits.flatten().tolist(), strict=True
            )
        ]

    def _add_boxes(self, frame: Frame, prompts: Sequence[Prompt]) -> None:
        """In one call: of several, the first are lost before a forward pass."""
        self._processor.add_inputs_to_inference_session(
            inference_session=self._session,
            frame_idx=self._index,
            obj_ids=[prompt.object_id for prompt in prompts],
            input_boxes=[[list(prompt.box or ()) for prompt in prompts]],
            original_size=(frame.height, frame.width),
        )

    def _add(self, frame: Frame, prompt: Prompt) -> None:
        points = [[[list(point) for point in prompt.points]]] if prompt.points else None
        labels = [[list(prompt.labels)]] if prompt.points else None
        boxes = [[list(prompt.box)]] if prompt.box is not None else None
        self._processor.add_inputs_to_inference_session(
            inference_session=self._session,
            frame_idx=self._index,
            obj_ids=prompt.object_id,
            input_points=points,
            input_labels=labels,
            input_boxes=boxes,
            input_masks=None if prompt.mask is None else torch.from_numpy(np.array(prompt.mask)),
            original_size=(frame.height, frame.width),
        )


__all__ = ["ReferenceTrack", "ReferenceTracker"]
