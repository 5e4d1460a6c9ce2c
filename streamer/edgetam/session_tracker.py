"""`--runtime transformers`: the Tracker port on transformers' own model, called frame by frame as it documents.

It is the yardstick that every other runtime is measured by, and also runs models with the same interface, such as
SAM 2.1 and SAM 3's tracker. Memory stays flat, since each object's session is pruned to what the loop still reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from streamer.config.settings import TrackingSettings
from streamer.edgetam.memory import Capacity
from streamer.edgetam.object_session import ONLY, ObjectSession
from streamer.edgetam.object_table import Changes, ObjectTable, TrackedObject
from streamer.edgetam.tracker import EVERYTHING, nowhere
from streamer.edgetam.weights import Checkpoint
from streamer.errors import UsageError
from streamer.masks import box_of
from streamer.types import Attention, Command, Frame, Prompt, State, Track

MASK_IOU = 1.0  # predicted IoU of a mask that the user gave


class SessionEngine:
    """A transformers model with its processor, for any number of trackers; only one of them may track at a time."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

        size = {"height": checkpoint.size, "width": checkpoint.size}
        options: dict[str, Any] = {"size": size, "image_mean": checkpoint.mean, "image_std": checkpoint.std}
        self.checkpoint = checkpoint
        self.processor = Sam2VideoProcessor(
            Sam2ImageProcessor(**options), Sam2VideoVideoProcessor(**options), target_size=checkpoint.size
        )
        self.predicted_iou = 0.0  # of the mask decoded last: the model's output for video leaves it out
        checkpoint.model.mask_decoder.register_forward_hook(self._note_iou)

    def tracker(self, tracking: TrackingSettings | None = None) -> SessionTracker:
        """For one stream; raises UsageError for settings that transformers' loop has not."""
        return SessionTracker(self, tracking or TrackingSettings())

    def persistent_tracker(self, state: Path, tracking: TrackingSettings | None = None) -> NoReturn:  # noqa: ARG002
        """Raises UsageError."""
        raise UsageError(f"state: {state}: runtime transformers stores no objects; leave out state or use runtime auto")

    def describe(self) -> dict[str, Any]:
        """Model id, architecture, input size, runtime, device and dtype."""
        checkpoint = self.checkpoint
        return {
            "id": checkpoint.name,
            "architecture": type(checkpoint.model).__name__,
            "size": checkpoint.size,
            "runtime": "transformers",
            "device": str(checkpoint.device),
            "dtype": str(checkpoint.dtype).removeprefix("torch."),
        }

    def new_session(self) -> Any:
        """An empty streaming session."""
        return self.processor.init_video_session(inference_device=self.checkpoint.device)

    def _note_iou(self, _decoder: Any, _inputs: Any, outputs: tuple[Tensor, ...]) -> None:
        """Of several candidates transformers takes the one with the highest."""
        self.predicted_iou = float(outputs[1].float().max())


class SessionTracker:
    """Tracks objects through a stream, each in a session of its own.

    A prompt on a tracked object is decoded as transformers' loop does it: without memory, which is kept for the frames
    that follow. Not for use from two threads. `track` raises CommandError, with the state as before, for a command that
    cannot be carried out.
    """

    def __init__(self, engine: SessionEngine, tracking: TrackingSettings) -> None:
        if tracking.extensions:
            raise UsageError("tracking.extensions: runtime transformers has none; leave it out or use runtime auto")
        self.tracking = tracking.model_copy(update={"extensions": False, "zoom": None, "exact": True})
        config = engine.checkpoint.model.config
        read = config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1
        self.capacity = Capacity(tracking.conditioning, *read)
        self.table: ObjectTable[ObjectSession] = ObjectTable(self.tracking, self._new_session)
        self._engine, self._device = engine, engine.checkpoint.device

    @property
    def object_ids(self) -> tuple[int, ...]:
        return self.table.object_ids

    def interrupt(self) -> None:
        """The next frame comes after a gap, whatever its epoch."""
        self.table.interrupt()

    def describe(self) -> dict[str, Any]:
        """As of the engine."""
        return {**self._engine.describe(), "extensions": False}

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`."""
        return self.table.check(frame, commands)

    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        """Apply commands to this frame and find every object on it, in the order in which they were added."""
        return self.track_some(frame, commands, EVERYTHING)

    def track_some(self, frame: Frame, commands: Sequence[Command], attention: Attention) -> tuple[Track, ...]:
        """As `track`, of the objects that `attention` names and of those with a prompt; the others stay."""
        changes = self.table.apply(frame, self.table.check(frame, commands))
        lost = tuple(nowhere(object_id, frame) for object_id in self.table.unprompted)
        objects = self.table.chosen(attention.only, changes) | changes.new
        if not objects:
            return lost
        tracks = self._find(frame, objects, changes)
        self.table.commit(changes)
        return tracks + lost

    @torch.inference_mode()
    def _find(
        self, frame: Frame, objects: Mapping[int, TrackedObject[ObjectSession]], changes: Changes[ObjectSession]
    ) -> tuple[Track, ...]:
        """One pass of the model for each object; the image is encoded in the first."""
        dtype = self._engine.checkpoint.dtype
        inputs = self._engine.processor(images=np.array(frame.image), return_tensors="pt", device=self._device)
        features: dict[str, Any] | None = None
        tracks = []
        with torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32):
            for object_id, tracked in objects.items():
                memory, prompt = tracked.memory, changes.prompts.get(object_id)
                if features is not None:
                    memory.session.cache.cache_vision_features(memory.step, features)
                if prompt is not None:
                    self._add(memory, frame, prompt)
                output = self._engine.checkpoint.model(
                    inference_session=memory.session, frame=inputs.pixel_values[0], frame_idx=memory.step
                )
                features = memory.session.cache.get_vision_features(memory.step)
                memory.finish(remember=not frame.corrupt or prompt is not None)
                tracks.append(self._track(frame, object_id, tracked, output, prompt))
        return tuple(tracks)

    def _add(self, memory: ObjectSession, frame: Frame, prompt: Prompt) -> None:
        """Give a prompt to the object's session."""
        points = [[[list(point) for point in prompt.points]]] if prompt.points else None
        self._engine.processor.add_inputs_to_inference_session(
            inference_session=memory.session,
            frame_idx=memory.step,
            obj_ids=ONLY,
            input_points=points,
            input_labels=[[list(prompt.labels)]] if prompt.points else None,
            input_boxes=[[list(prompt.box)]] if prompt.box is not None else None,
            input_masks=None if prompt.mask is None else torch.from_numpy(np.array(prompt.mask)),
            original_size=(frame.height, frame.width),
        )

    def _track(
        self, frame: Frame, object_id: int, tracked: TrackedObject[ObjectSession], output: Any, prompt: Prompt | None
    ) -> Track:
        size = [[frame.height, frame.width]]
        (wide,) = self._engine.processor.post_process_masks([output.pred_masks.float()], size, binarize=False)
        mask = (wide[0, 0] > 0).cpu().numpy()
        box, score = box_of(mask), float(output.object_score_logits.float().sigmoid())
        state = self._state(tracked, seen=score > self.tracking.score_threshold and box is not None)
        iou = MASK_IOU if prompt is not None and prompt.mask is not None else self._engine.predicted_iou
        return Track(object_id, mask, box, score, iou, state, output.pred_masks[0, 0].float().cpu().numpy())

    def _state(self, tracked: TrackedObject[ObjectSession], *, seen: bool) -> State:
        tracked.unseen = 0 if seen else tracked.unseen + 1
        if seen:
            return "tracked"
        return "lost" if tracked.unseen >= self.tracking.lost_after else "occluded"

    def _new_session(self) -> ObjectSession:
        return ObjectSession(self._engine.new_session, self.capacity)
