"""The Tracker port on EdgeTAM: objects are added, refined and removed on a running stream, and tracked together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from streamer.config.settings import TrackingSettings
from streamer.edgetam.click_scale import ClickAnswer, box_in_frame, choose_answer, click_crops
from streamer.edgetam.graphs import MAX_LOGIT_AS_PROMPT, NO_OBJECT_LOGIT, Features, MaskDecoder, Masks
from streamer.edgetam.memory import Capacity, ObjectMemory, bank
from streamer.edgetam.preprocessor import EncodedCrop, EncodedCrops, Preprocessor, paste_mask
from streamer.edgetam.runtimes.choose import Runtime, describe
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.search_window import Box, Crop, SearchWindow, around, extent, size_after
from streamer.edgetam.seek import SEEK_AFTER, SURE, seek_crops, shows_another, without
from streamer.edgetam.tracking_policy import effective
from streamer.edgetam.weights import Checkpoint
from streamer.errors import CommandError
from streamer.masks import Mask, box_of
from streamer.types import Command, Frame, Prompt, Remove, Reset, State, Track, Undo, numbered

BEFORE = -1  # the epoch of another run
UNDONE_AT_MOST = 8  # prompts of one object that can be taken back


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What a prompt changed."""

    memory: ObjectMemory
    focus: SearchWindow | None


@dataclass(slots=True, eq=False)
class TrackedObject:
    """One object's memory, its life, and where to look for it."""

    memory: ObjectMemory
    focus: SearchWindow | None  # None: in the whole picture
    unseen: int = 0
    turn: int = 0  # of looking for it all over
    box: Box | None = None  # where it was seen last, in the picture
    size: float | None = None  # its longer side there
    before: deque[Past] = field(default_factory=lambda: deque(maxlen=UNDONE_AT_MOST))  # what each later prompt changed

    def past(self) -> Past:
        """As it is now."""
        return Past(self.memory.copy(), copy(self.focus))

    def go_back(self) -> None:
        """To before the last prompt. Where it is now is better known than where it was, unless it was elsewhere."""
        past = self.before.pop()
        self.memory = past.memory
        if self.focus is not None and past.focus is not None and not self.focus.reaches(past.focus):
            self.focus, self.box, self.size = past.focus, None, None


@dataclass(slots=True, eq=False)
class Answers:
    """Masks by object id, gathered from calls on different groups."""

    views: dict[int, EncodedCrop] = field(default_factory=dict)
    logits: dict[int, Tensor] = field(default_factory=dict)  # h x w, of the view's window
    rows: dict[int, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)  # IoU, object logit, pointer
    given: dict[int, Tensor] = field(default_factory=dict)  # mask prompts at the model's square, as logits
    prompted: set[int] = field(default_factory=set)
    denied: set[int] = field(default_factory=set)

    def add(self, view: EncodedCrop, ids: Sequence[int], masks: Masks) -> None:
        for row, object_id in enumerate(ids):
            self.views[object_id] = view
            self.logits[object_id] = masks.logits_bhw[row]
            self.rows[object_id] = (masks.predicted_iou_b[row], masks.object_logit_b[row], masks.pointer_bc[row])

    def is_seen(self, object_id: int) -> bool:
        """Whether the model says that the object is in its window."""
        return float(self.rows[object_id][1]) > 0

    def deny(self, object_id: int) -> None:
        """Take back that an object was seen; nothing is remembered of it."""
        iou, object_logit, pointer = self.rows[object_id]
        self.rows[object_id] = iou, -object_logit.abs(), pointer
        self.logits[object_id] = torch.full_like(self.logits[object_id], NO_OBJECT_LOGIT)
        self.denied.add(object_id)

    def by_view(self, ids: Sequence[int]) -> Iterator[tuple[EncodedCrop, list[int]]]:
        """Those who were looked for in the same window."""
        groups: dict[Crop, list[int]] = {}
        for object_id in ids:
            groups.setdefault(self.views[object_id].window, []).append(object_id)
        return ((self.views[group[0]], group) for group in groups.values())

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

    def __init__(self, checkpoint: Checkpoint, tracking: TrackingSettings, runtime: Runtime | None = None) -> None:
        self.checkpoint = checkpoint
        self.tracking = effective(tracking, checkpoint.size)
        self.runtime = runtime or TorchRuntime(checkpoint)
        self._square = Preprocessor(checkpoint, self.runtime)
        model, config = checkpoint.model, checkpoint.model.config
        self._config = config
        self._decoder = MaskDecoder(model)
        self._no_memory_c11 = model.no_memory_embedding[0, 0, :, None, None]
        self._capacity = Capacity(
            conditioning=self.tracking.conditioning,
            recent=config.num_maskmem - 1,
            pointers=config.max_object_pointers_in_encoder - 1,
        )
        self._objects: dict[int, TrackedObject] = {}
        self._forgotten: list[int] = []  # ids that wait for a prompt after a gap
        self._replaced: dict[int, TrackedObject] = {}  # on the frame that is tracked now
        self._epoch: int | None = None
        self.highest_id = 0

    @property
    def object_ids(self) -> tuple[int, ...]:
        return (*self._objects, *self._forgotten)

    @property
    def objects(self) -> Mapping[int, TrackedObject]:
        """What is known of each object."""
        return self._objects

    def empty_memory(self) -> ObjectMemory:
        """For an object that is to be adopted."""
        return ObjectMemory(self._capacity)

    def adopt(self, object_id: int, tracked: TrackedObject) -> None:
        """Go on with an object that another run knew; the next frame is after a gap."""
        self._objects[object_id] = tracked
        self.highest_id = max(self.highest_id, object_id)
        self.interrupt()

    def interrupt(self) -> None:
        """The next frame is after a gap, whatever its epoch."""
        if self._epoch is not None or self._objects:
            self._epoch = BEFORE

    def describe(self) -> dict[str, Any]:
        """Model id, input size, runtime, device, dtype, and whether it does more than transformers' loop."""
        return {**describe(self.runtime, self.checkpoint), "extensions": self.tracking.extensions}

    def check(self, frame: Frame, commands: Sequence[Command]) -> tuple[Command, ...]:
        """The commands with their objects' ids; raises CommandError where they cannot be carried out on `frame`."""
        commands = numbered(commands, self.object_ids, self.highest_id)
        there, prompted = set(self.object_ids), set[int]()
        for command in commands:
            match command:
                case Prompt(int(object_id)):
                    command.check_inside(frame.height, frame.width)
                    if object_id in prompted:
                        raise CommandError(
                            f"object {object_id} is prompted twice on one frame; send the second one later"
                        )
                    prompted.add(object_id)
                    there.add(object_id)
                case Remove(object_id) | Undo(object_id):
                    if object_id not in there:
                        known = ", ".join(map(str, sorted(there))) or "none"
                        raise CommandError(f"object {object_id} is not tracked; tracked: {known}")
                    if isinstance(command, Undo) and object_id in prompted:
                        raise CommandError(f"object {object_id} is prompted on the same frame; send the undo later")
                    if isinstance(command, Remove) or not self._prompted_again(object_id):
                        there.discard(object_id)
                case Reset():
                    there.clear()
                case _:
                    raise CommandError(f"{type(command).__name__} is for the pipeline, not for the tracker")
        if len(there) > self.tracking.max_objects:
            raise CommandError(
                f"{len(there)} objects; at most {self.tracking.max_objects} are tracked: remove one first"
            )
        return commands

    @torch.inference_mode()
    def track(self, frame: Frame, commands: Sequence[Command] = ()) -> tuple[Track, ...]:
        """Apply commands to this frame and find every object on it, in the order in which they were added."""
        commands = self.check(frame, commands)
        if self._epoch not in (None, frame.epoch):
            self._cross_gap(frame)
        self._epoch = frame.epoch
        prompts = self._apply(commands, (frame.height, frame.width))
        lost = tuple(nowhere(object_id, frame) for object_id in self._forgotten)
        if not self._objects and not prompts:
            return lost
        with torch.autocast(
            self.checkpoint.device.type, self.checkpoint.dtype, enabled=self.checkpoint.dtype != torch.float32
        ):
            return self._step(frame, prompts) + lost

    def _cross_gap(self, frame: Frame) -> None:
        """Things may have gone anywhere, and the picture may have another size."""
        if self.tracking.across_gap == "restart":
            self._forgotten += self._objects
            self._objects.clear()
        for tracked in self._objects.values():
            tracked.box = tracked.size = None
            if tracked.focus is not None:
                tracked.focus.open(frame.height, frame.width)
            if self.tracking.across_gap == "keep_prompted":
                tracked.memory.forget_recent()

    def _prompted_again(self, object_id: int) -> bool:
        return object_id in self._objects and bool(self._objects[object_id].before)

    def _apply(self, commands: Sequence[Command], size_hw: tuple[int, int]) -> dict[int, Prompt]:
        """Removals take effect; prompts are collected by id."""
        prompts: dict[int, Prompt] = {}
        self._replaced.clear()
        for command in commands:
            match command:
                case Prompt(int(object_id)):
                    prompts[object_id] = command.clipped(*size_hw)
                    self.highest_id = max(self.highest_id, object_id)
                    self._forgotten = [i for i in self._forgotten if i != object_id]
                    if (known := self._objects.get(object_id)) is not None:
                        known.before.append(known.past())
                        if command.mode == "replace":
                            self._replaced[object_id] = self._objects.pop(object_id)
                case Undo(object_id) if self._prompted_again(object_id):
                    self._objects[object_id].go_back()
                case Remove(object_id) | Undo(object_id):
                    self._objects.pop(object_id, None)
                    self._forgotten = [i for i in self._forgotten if i != object_id]
                    prompts.pop(object_id, None)
                case Reset():
                    self._objects.clear()
                    self._forgotten.clear()
                    prompts.clear()
        return prompts

    def _step(self, frame: Frame, prompts: dict[int, Prompt]) -> tuple[Track, ...]:
        views, answers = EncodedCrops(self._square, frame), Answers()
        for window, ids in self._windows(frame, prompts).items():
            self._follow(views[window], ids, prompts, answers)
        for object_id, prompt in prompts.items():
            if object_id not in self._objects:
                self._begin(views, prompt, answers)
        ids = list(self._objects)
        self._seek_lost(frame, ids, answers)
        for view, group in answers.by_view(ids):
            self._remember(view, group, answers, corrupt=frame.corrupt)
        return tuple(self._track(frame, object_id, answers) for object_id in ids)

    def _windows(self, frame: Frame, prompts: Mapping[int, Prompt]) -> dict[Crop, list[int]]:
        """Where each tracked object is looked for; where a user points at one, there."""
        windows: dict[Crop, list[int]] = {}
        for object_id, tracked in self._objects.items():
            window = Crop(0, 0, frame.width, frame.height)
            if tracked.focus is not None:
                if object_id in prompts and (seen := _pointed_at(prompts[object_id])) is not None:
                    tracked.focus.cover(seen, frame.height, frame.width)
                window = tracked.focus.window(frame.height, frame.width)
            windows.setdefault(window, []).append(object_id)
        return windows

    def _unconditioned(self, features: Features) -> Features:
        return Features(features.s0_gchw, features.s1_gchw, features.top_gchw + self._no_memory_c11)

    def _follow(self, view: EncodedCrop, ids: list[int], prompts: Mapping[int, Prompt], answers: Answers) -> None:
        """All objects of a window in one pass; prompted ones are decoded again with the mask just found."""
        memories = [self._objects[object_id].memory for object_id in ids]
        features = view.features
        masks, top = self.runtime.follow(features, bank(memories, self._config.num_maskmem - 1))
        answers.add(view, ids, masks)
        for row, object_id in enumerate(ids):
            if object_id in prompts and self.tracking.exact:
                self._prompt(view, self._unconditioned(features), prompts[object_id], answers, previous=None)
            elif object_id in prompts:
                one = Features(features.s0_gchw, features.s1_gchw, top[row : row + 1])
                previous = answers.logits[object_id] if self.tracking.previous_logits else None
                self._prompt(view, one, prompts[object_id], answers, previous=previous)

    def _begin(self, views: EncodedCrops, prompt: Prompt, answers: Answers) -> None:
        """A new object."""
        focus, window = None, views.whole
        if self.tracking.zoom is not None:
            focus = self._first_focus(views, prompt, self.tracking.zoom)
            window = focus.window(views.frame.height, views.frame.width)
        self._objects[prompt.known_id] = begun = TrackedObject(self.empty_memory(), focus)
        if (replaced := self._replaced.pop(prompt.known_id, None)) is not None:
            begun.before.extend(replaced.before)
        view = views[window]
        self._prompt(view, self._unconditioned(view.features), prompt, answers, previous=None)

    def _first_focus(self, views: EncodedCrops, prompt: Prompt, zoom: float) -> SearchWindow:
        """Around what the prompt shows; clicks alone do not say how large it is, so crops of every size are tried."""
        seen = _pointed_at(prompt)
        if seen is not None and prompt.box is None and prompt.mask is None:
            seen = self._size_of_clicked(views, prompt)
        if seen is None:
            seen = (0.0, 0.0, float(views.frame.width), float(views.frame.height))
        return SearchWindow.on(seen, zoom)

    def _size_of_clicked(self, views: EncodedCrops, prompt: Prompt) -> Box | None:
        """The box around the object that the clicks mean, and the clicks; None where the model sees nothing there."""
        height, width = views.frame.height, views.frame.width
        decoded = []
        for crop in click_crops(_clicks(prompt), height, width):
            view, found = views[crop], Answers()
            self._prompt(view, self._unconditioned(view.features), prompt, found, previous=None)
            iou, _, _ = found.rows[prompt.known_id]
            decoded.append(ClickAnswer(crop, _plane(found.logits[prompt.known_id]), float(iou)))
        answer = choose_answer(decoded, height, width)
        box = None if answer is None else extent(answer.logits_hw)
        return None if answer is None or box is None else around(box_in_frame(box, answer), _clicks(prompt))

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
        masks = self.runtime.point(conditioned, points, labels, logits, multimask=multimask)
        answers.add(view, [prompt.known_id], masks)

    def _multimask(self, points: int) -> bool:
        config = self._config
        within = config.multimask_min_pt_num <= points <= config.multimask_max_pt_num
        return bool(config.multimask_output_in_sam and within)

    def _seek_lost(self, frame: Frame, ids: Sequence[int], answers: Answers) -> None:
        """Objects that were not seen are not believed to be another one; one of those lost is looked for all over."""
        if self.tracking.zoom is None:
            return
        lost = [i for i in ids if self._objects[i].unseen and i not in answers.prompted]
        for object_id in lost:
            if answers.is_seen(object_id) and self._is_another(frame, object_id, answers):
                answers.deny(object_id)
        sought = [i for i in lost if self._objects[i].unseen >= SEEK_AFTER and not answers.is_seen(i)]
        if sought:
            object_id = sought[frame.index % len(sought)]
            self._seek(frame, object_id, self._objects[object_id], answers)

    def _is_another(self, frame: Frame, object_id: int, answers: Answers) -> bool:
        """Whether the mask of an object that was lost shows one that was not."""
        steady = [i for i in answers.rows if i != object_id and i in self._objects and not self._objects[i].unseen]
        (mask,) = self._shown(frame, answers, [object_id])
        return shows_another(mask, self._shown(frame, answers, steady))

    def _seek(self, frame: Frame, object_id: int, tracked: TrackedObject, answers: Answers) -> None:
        """Take a sure answer that shows no other object, found with nothing but what users pointed at.

        What is remembered of the frames since it was lost says that it is not there.
        """
        others = self._shown(frame, answers, list(answers.rows))
        tracked.turn += 1
        views = EncodedCrops(self._square, replace(frame, image=without(frame.image, others)))
        memory = tracked.memory.copy()
        memory.forget_recent()
        side = (self.tracking.zoom or 1.0) * (tracked.size or max(frame.height, frame.width))
        for crop in seek_crops(side, frame.height, frame.width, tracked.turn):
            masks, _ = self.runtime.follow(views[crop].features, bank([memory], self._config.num_maskmem - 1))
            sure = float(masks.predicted_iou_b[0]) * float(masks.object_logit_b[0].float().sigmoid())
            if sure < SURE or float(masks.object_logit_b[0]) <= 0:
                continue
            mask = paste_mask(_plane(masks.logits_bhw[0]), crop, frame.height, frame.width)
            if mask.any() and not shows_another(mask, others):
                answers.add(views[crop], [object_id], masks)
                answers.denied.discard(object_id)
                tracked.memory = memory
                return

    def _shown(self, frame: Frame, answers: Answers, ids: Sequence[int]) -> list[Mask]:
        """The masks of those objects that are seen, in the frame."""
        return [
            paste_mask(_plane(answers.logits[i]), answers.views[i].window, frame.height, frame.width)
            for i in ids
            if answers.is_seen(i)
        ]

    def _remember(self, view: EncodedCrop, ids: Sequence[int], answers: Answers, *, corrupt: bool) -> None:
        """Write each object's memory of this frame; of a damaged picture only what a user pointed at in it."""
        size = (self.checkpoint.size, self.checkpoint.size)
        masks = answers.masks(ids)
        wide = F.interpolate(masks.logits_bhw[:, None].float(), size=size, mode="bilinear", align_corners=False)
        for row, object_id in enumerate(ids):
            if object_id in answers.given:
                wide[row, 0] = answers.given[object_id]
        prompted = torch.tensor([object_id in answers.prompted for object_id in ids], device=wide.device)
        memories = self.runtime.remember(view.features.top_gchw, wide, masks.object_logit_b, prompted).float()
        for row, object_id in enumerate(ids):
            memory = self._objects[object_id].memory
            if (corrupt or object_id in answers.denied) and object_id not in answers.prompted:
                memory.skip()
                continue
            pointer = masks.pointer_bc[row].float().clone()
            memory.write(memories[row].clone(), pointer, prompted=object_id in answers.prompted)

    def _track(self, frame: Frame, object_id: int, answers: Answers) -> Track:
        """The object's answer in the picture; the next window follows it."""
        tracked, view = self._objects[object_id], answers.views[object_id]
        iou, object_logit, _ = answers.rows[object_id]
        logits, score = _plane(answers.logits[object_id]), float(object_logit.float().sigmoid())
        mask = paste_mask(logits, view.window, frame.height, frame.width)
        box = box_of(mask)
        state = self._state(tracked, seen=score > self.tracking.score_threshold and box is not None)
        if (found := extent(logits) if state == "tracked" else None) is not None:
            tracked.box = view.on_picture(found)
            tracked.size = size_after(tracked.size, tracked.box)
        if tracked.focus is not None:
            if found is None or tracked.box is None or tracked.size is None:
                tracked.focus.widen(frame.height, frame.width)
            else:
                tracked.focus.follow(tracked.box, tracked.size)
        return Track(object_id, mask, box, score, float(iou), state, logits)

    def _state(self, tracked: TrackedObject, *, seen: bool) -> State:
        tracked.unseen = 0 if seen else tracked.unseen + 1
        if seen:
            return "tracked"
        return "lost" if tracked.unseen >= self.tracking.lost_after else "occluded"


def _plane(logits_hw: Tensor) -> NDArray[np.float32]:
    """A copy of one object's logits."""
    return np.array(logits_hw.float().cpu().numpy())


def _clicks(prompt: Prompt) -> list[tuple[float, float]]:
    """Where a user said that the object is."""
    return [point for point, label in zip(prompt.points, prompt.labels, strict=True) if label == 1]


def _pointed_at(prompt: Prompt) -> Box | None:
    """The box around everything that a user called the object; None where only what it is not was shown."""
    box = prompt.box if prompt.mask is None else box_of(prompt.mask)
    clicks = _clicks(prompt)
    return around(box, clicks) if box is not None or clicks else None


def nowhere(object_id: int, frame: Frame) -> Track:
    """A lost object that is not looked for."""
    return Track(object_id, np.zeros((frame.height, frame.width), np.bool_), None, 0.0, 0.0, "lost")
