"""The Tracker port on EdgeTAM: objects are added, refined and removed on a running stream, and tracked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as pictures

from streamer.edgetam.graphs import Features, MaskDecoder, Masks
from streamer.edgetam.memory import Capacity, ObjectMemory, bank
from streamer.edgetam.runtimes import Runtime, TorchRuntime, describe
from streamer.edgetam.weights import Checkpoint
from streamer.errors import CommandError
from streamer.masks import box_of
from streamer.types import Command, Frame, Prompt, Remove, Reset, State, Track

MAX_LOGIT_AS_PROMPT = 32.0  # SAM 2 clamps the logits that it feeds back to this range


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept, and when an object is called occluded or lost.

    An object is `tracked` where its score is above `seen_above` and its mask is not empty, else `occluded`; after
    `lost_after` such frames in a row `lost`. A lost object is still looked for.

    When the source's epoch changes, `across_gap` says what stays: `keep` everything, `keep_prompted` what users pointed
    at (what was seen last says little of where things are now), or `restart` nothing: all objects are lost, and not
    looked for, until they are prompted again. Memory is in the model's square, so a new size of picture is no matter.
    """

    conditioning: int = 4  # prompted frames kept for each object, 1 or more
    seen_above: float = 0.5
    lost_after: int = 30
    max_objects: int = 64
    across_gap: Literal["keep", "keep_prompted", "restart"] = "keep_prompted"


@dataclass(slots=True, eq=False)
class TrackedObject:
    """One object's memory and its life."""

    memory: ObjectMemory
    unseen: int = 0


@dataclass(slots=True, eq=False)
class Answers:
    """Masks by object id, gathered from calls on different groups."""

    logits: dict[int, Tensor] = field(default_factory=dict)  # h x w
    rows: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)  # IoU, object logit, pointer
    given: dict[int, Tensor] = field(default_factory=dict)  # mask prompts at the model's square, as logits
    prompted: set[int] = field(default_factory=set)

    def add(self, ids: Sequence[int], masks: Masks) -> None:
        for row, object_id in enumerate(ids):
            self.logits[object_id] = masks.logits_bhw[row]
            self.rows[object_id] = (masks.predicted_iou_b[row], masks.object_logit_b[row], masks.pointer_bc[row])

    def masks(self, ids: Sequence[int]) -> Masks:
        ious, logits, pointers = zip(*(self.rows[i] for i in ids), strict=True)
        return Masks(
            torch.stack([self.logits[i] for i in ids]), torch.stack(ious), torch.stack(logits), torch.stack(pointers)
        )


class StreamingTracker:
    """Tracks objects through a stream, frame by frame; its state is bounded and holds no pixels.

    Not for use from two threads. `track` raises CommandError, with the state as before, for a command that cannot be
    carried out.
    """

    def __init__(self, checkpoint: Checkpoint, rules: Rules, runtime: Runtime | None = None) -> None:
        self.checkpoint = checkpoint
        self.rules = rules
        self.runtime = runtime or TorchRuntime(checkpoint)
        model, config = checkpoint.model, checkpoint.model.config
        self._config = config
        self._decoder = MaskDecoder(model)
        self._no_memory_c11 = model.no_memory_embedding[0, 0, :, None, None]
        self._capacity = Capacity(rules.conditioning, config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1)
        self._objects: dict[int, TrackedObject] = {}
        self._forgotten: list[int] = []  # ids that wait for a prompt after a gap
        self._epoch: int | None = None
        mean, std = torch.tensor(checkpoint.mean), torch.tensor(checkpoint.std)
        self._mean_c11 = (mean * 255)[:, None, None].to(checkpoint.device)
        self._std_c11 = (std * 255)[:, None, None].to(checkpoint.device)

    @property
    def object_ids(self) -> tuple[int, ...]:
        return (*self._objects, *self._forgotten)

    def describe(self) -> dict[str, Any]:
        """Model id, input size, runtime, device and dtype."""
        return describe(self.runtime, self.checkpoint)

    def check(self, frame: Frame, commands: Sequence[Command]) -> None:
        """Raise CommandError, and change nothing, where `commands` cannot be carried out on `frame`, in this order."""
        there, prompted = set(self.object_ids), set[int]()
        for command in commands:
            match command:
                case Prompt(object_id):
                    command.check_inside(frame.height, frame.width)
                    if object_id in prompted:
                        raise CommandError(
                            f"object {object_id} is prompted twice on one frame; send the second one later"
                        )
                    prompted.add(object_id)
                    there.add(object_id)
                case Remove(object_id):
                    if object_id not in there:
                        known = ", ".join(map(str, sorted(there))) or "none"
                        raise CommandError(f"object {object_id} is not tracked; tracked: {known}")
                    there.discard(object_id)
                case Reset():
                    there.clear()
                case _:
                    raise CommandError(f"{type(command).__name__} is for the pipeline, not for the tracker")
        if len(there) > self.rules.max_objects:
            raise CommandError(f"{len(there)} objects; at most {self.rules.max_objects} are tracked: remove one first")

    @torch.inference_mode()
    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        """Apply commands to this frame and find every object on it, in the order in which they were added."""
        self.check(frame, commands)
        if self._epoch not in (None, frame.epoch):
            self._cross_gap()
        self._epoch = frame.epoch
        prompts = self._apply(commands)
        lost = tuple(nowhere(object_id, frame) for object_id in self._forgotten)
        if not self._objects and not prompts:
            return lost
        with torch.autocast(
            self.checkpoint.device.type, self.checkpoint.dtype, enabled=self.checkpoint.dtype != torch.float32
        ):
            return self._step(frame, prompts) + lost

    def _cross_gap(self) -> None:
        match self.rules.across_gap:
            case "keep_prompted":
                for tracked in self._objects.values():
                    tracked.memory.forget_recent()
            case "restart":
                self._forgotten += self._objects
                self._objects.clear()

    def _apply(self, commands: Sequence[Command]) -> dict[int, Prompt]:
        """Removals take effect; prompts are collected by id."""
        prompts: dict[int, Prompt] = {}
        for command in commands:
            match command:
                case Prompt(object_id):
                    prompts[object_id] = command
                    self._forgotten = [i for i in self._forgotten if i != object_id]
                    if command.mode == "replace":
                        self._objects.pop(object_id, None)
                case Remove(object_id):
                    self._objects.pop(object_id, None)
                    self._forgotten = [i for i in self._forgotten if i != object_id]
                    prompts.pop(object_id, None)
                case Reset():
                    self._objects.clear()
                    self._forgotten.clear()
                    prompts.clear()
        return prompts

    def _step(self, frame: Frame, prompts: dict[int, Prompt]) -> tuple[Track, ...]:
        features = self._encode(frame)
        answers = Answers()
        followed = list(self._objects)
        if followed:
            self._follow(frame, features, followed, prompts, answers)
        for object_id, prompt in prompts.items():
            if object_id not in self._objects:
                self._objects[object_id] = TrackedObject(ObjectMemory(self._capacity))
                self._prompt(frame, self._unconditioned(features), features, prompt, answers, previous=None)
        ids = list(self._objects)
        masks = answers.masks(ids)
        self._remember(features, ids, masks, answers, corrupt=frame.corrupt)
        return self._tracks(frame, ids, masks)

    def _encode(self, frame: Frame) -> Features:
        """The model's own preparation: resize with antialias on bytes, then normalise."""
        size = [self.checkpoint.size, self.checkpoint.size]
        image = torch.from_numpy(np.array(frame.image)).permute(2, 0, 1).to(self.checkpoint.device)
        resized = pictures.resize(image, size, interpolation=pictures.InterpolationMode.BILINEAR, antialias=True)
        features = self.runtime.encode(((resized.float() - self._mean_c11) / self._std_c11)[None])
        return Features(features.s0_gchw.float(), features.s1_gchw.float(), features.top_gchw.float())

    def _unconditioned(self, features: Features) -> Features:
        return Features(features.s0_gchw, features.s1_gchw, features.top_gchw + self._no_memory_c11)

    def _follow(
        self, frame: Frame, features: Features, ids: list[int], prompts: dict[int, Prompt], answers: Answers
    ) -> None:
        """All tracked objects in one pass; those with a prompt are decoded again with it and the mask just found."""
        memories = [self._objects[object_id].memory for object_id in ids]
        masks, top = self.runtime.follow(features, bank(memories, self._config.num_maskmem - 1))
        answers.add(ids, masks)
        for row, object_id in enumerate(ids):
            if object_id in prompts:
                one = Features(features.s0_gchw, features.s1_gchw, top[row : row + 1])
                self._prompt(frame, one, features, prompts[object_id], answers, previous=answers.logits[object_id])

    def _prompt(
        self,
        frame: Frame,
        conditioned: Features,
        features: Features,
        prompt: Prompt,
        answers: Answers,
        *,
        previous: Tensor | None,
    ) -> None:
        """One object's prompt. Alone: padding to another's number of clicks would change the answer."""
        answers.prompted.add(prompt.object_id)
        if prompt.mask is not None:
            given = self._square(prompt.mask)
            answers.given[prompt.object_id] = given[0, 0] * 20 - 10
            answers.add([prompt.object_id], self._decoder.from_mask(features, given))
            return
        points, labels = self._points(frame, prompt)
        logits = None if previous is None else previous[None, None].clamp(-MAX_LOGIT_AS_PROMPT, MAX_LOGIT_AS_PROMPT)
        multimask = self._multimask(labels.shape[1])
        answers.add([prompt.object_id], self.runtime.point(conditioned, points, labels, logits, multimask=multimask))

    def _multimask(self, points: int) -> bool:
        config = self._config
        within = config.multimask_min_pt_num <= points <= config.multimask_max_pt_num
        return bool(config.multimask_output_in_sam and within)

    def _points(self, frame: Frame, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """A prompt in the model's square: a box is its two corners, labelled 2 and 3, before the clicks."""
        corners = [prompt.box[:2], prompt.box[2:]] if prompt.box is not None else []
        points = torch.tensor([*corners, *prompt.points], dtype=torch.float32, device=self.checkpoint.device)
        scale = torch.tensor([self.checkpoint.size / frame.width, self.checkpoint.size / frame.height])
        labels = [2, 3] * bool(corners) + list(prompt.labels)
        return (points * scale.to(points.device))[None], torch.tensor([labels], dtype=torch.int32, device=points.device)

    def _square(self, mask_hw: NDArray[np.bool_]) -> Tensor:
        """A user's mask at the model's square, 1 x 1 x S x S of 0 and 1."""
        mask = torch.from_numpy(np.array(mask_hw)).to(self.checkpoint.device, torch.float32)[None, None]
        size = (self.checkpoint.size, self.checkpoint.size)
        if mask.shape[-2:] == size:
            return mask
        resized = F.interpolate(mask, size=size, mode="bilinear", align_corners=False, antialias=True)
        return (resized >= 0.5).float()

    def _remember(self, features: Features, ids: list[int], masks: Masks, answers: Answers, *, corrupt: bool) -> None:
        """Write each object's memory of this frame; of a damaged picture only what a user pointed at in it."""
        size = (self.checkpoint.size, self.checkpoint.size)
        wide = F.interpolate(masks.logits_bhw[:, None].float(), size=size, mode="bilinear", align_corners=False)
        for row, object_id in enumerate(ids):
            if object_id in answers.given:
                wide[row, 0] = answers.given[object_id]
        prompted = torch.tensor([object_id in answers.prompted for object_id in ids], device=wide.device)
        memories = self.runtime.remember(features.top_gchw, wide, masks.object_logit_b, prompted).float()
        for row, object_id in enumerate(ids):
            if corrupt and object_id not in answers.prompted:
                self._objects[object_id].memory.skip()
                continue
            self._objects[object_id].memory.write(
                memories[row].clone(), masks.pointer_bc[row].float().clone(), prompted=object_id in answers.prompted
            )

    def _tracks(self, frame: Frame, ids: list[int], masks: Masks) -> tuple[Track, ...]:
        low = masks.logits_bhw.float().cpu().numpy()
        size_wh = (frame.width, frame.height)
        found = [cv2.resize(logits, size_wh, interpolation=cv2.INTER_LINEAR) > 0 for logits in low]
        scores = masks.object_logit_b.float().sigmoid().tolist()
        ious = masks.predicted_iou_b.float().tolist()
        tracks = []
        for row, object_id in enumerate(ids):
            box = box_of(found[row])
            state = self._state(self._objects[object_id], seen=scores[row] > self.rules.seen_above and box is not None)
            tracks.append(Track(object_id, found[row], box, scores[row], ious[row], state, low[row]))
        return tuple(tracks)

    def _state(self, tracked: TrackedObject, *, seen: bool) -> State:
        tracked.unseen = 0 if seen else tracked.unseen + 1
        if seen:
            return "tracked"
        return "lost" if tracked.unseen >= self.rules.lost_after else "occluded"


def nowhere(object_id: int, frame: Frame) -> Track:
    """A lost object that is not looked for."""
    return Track(object_id, np.zeros((frame.height, frame.width), np.bool_), None, 0.0, 0.0, "lost")
