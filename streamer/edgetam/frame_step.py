"""One frame: objects and prompts in, tracks out. Live, recorded and replayed tracking share it."""

from __future__ import annotations

from collections.abc import Mapping

from streamer.config.settings import TrackingSettings
from streamer.edgetam.answers import Answers, probability
from streamer.edgetam.click_scale import ClickAnswer, box_in_frame, choose_answer, click_crops
from streamer.edgetam.lost_search import LostSearch
from streamer.edgetam.memory import ObjectMemory
from streamer.edgetam.model_step import ModelStep, Objects
from streamer.edgetam.object_table import Changes, TrackedObject
from streamer.edgetam.preprocessor import EncodedCrops, paste_mask
from streamer.edgetam.runtimes.port import Runtime
from streamer.edgetam.search_window import Box, Crop, SearchWindow, around, extent, size_after
from streamer.masks import box_of
from streamer.types import Frame, Prompt, State, Track


class FrameStep:
    """Finds objects on a frame. It has no state: all that it changes is in the objects that it is given."""

    def __init__(self, runtime: Runtime, tracking: TrackingSettings) -> None:
        self._tracking = tracking
        self._model = ModelStep(runtime, tracking)
        self._lost = None if tracking.zoom is None else LostSearch(self._model, tracking.zoom)

    def run(self, frame: Frame, objects: Objects, changes: Changes[ObjectMemory]) -> tuple[Track, ...]:
        """Tracks of `objects`, then of the new ones of `changes`, each in the order of its mapping."""
        answers = self._find(frame, objects, changes)
        present = {**objects, **changes.new}
        if self._lost is not None:
            self._lost.run(frame, present, answers)
        self._model.write_memories(answers.by_view(list(present)), present, answers, corrupt=frame.corrupt)
        return tuple(self._track(frame, object_id, tracked, answers) for object_id, tracked in present.items())

    def _find(self, frame: Frame, objects: Objects, changes: Changes[ObjectMemory]) -> Answers:
        views, answers, prompts = self._model.crops(frame), Answers(), changes.prompts
        windows = self._windows(frame, objects, prompts)
        if windows:
            views.encode(windows)
            looked = [(views[window], ids) for window, ids in windows.items()]
            self._model.track_masks(looked, objects, prompts, answers)
        for object_id, tracked in changes.new.items():
            self._begin(views, tracked, prompts[object_id], answers)
        return answers

    def _windows(self, frame: Frame, objects: Objects, prompts: Mapping[int, Prompt]) -> dict[Crop, list[int]]:
        """Where each tracked object is looked for; where a user points at one, there."""
        windows: dict[Crop, list[int]] = {}
        for object_id, tracked in objects.items():
            window = Crop(0, 0, frame.width, frame.height)
            if tracked.focus is not None:
                if object_id in prompts and (seen := _pointed_at(prompts[object_id])) is not None:
                    tracked.focus.cover(seen, frame.height, frame.width)
                window = tracked.focus.window(frame.height, frame.width)
            windows.setdefault(window, []).append(object_id)
        return windows

    def _begin(
        self, views: EncodedCrops, tracked: TrackedObject[ObjectMemory], prompt: Prompt, answers: Answers
    ) -> None:
        """A new object."""
        window = views.whole
        if self._tracking.zoom is not None:
            tracked.focus = self._first_focus(views, prompt, self._tracking.zoom)
            window = tracked.focus.window(views.frame.height, views.frame.width)
        self._model.decode_alone(views[window], prompt, answers)

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
        crops, decoded = click_crops(_clicks(prompt), height, width), []
        views.encode(crops)
        for crop in crops:
            answers = Answers()
            self._model.decode_alone(views[crop], prompt, answers)
            found = answers.found[prompt.known_id]
            decoded.append(ClickAnswer(crop, found.logits_hw, found.predicted_iou))
        answer = choose_answer(decoded, height, width)
        box = None if answer is None else extent(answer.logits_hw)
        return None if answer is None or box is None else around(box_in_frame(box, answer), _clicks(prompt))

    def _track(self, frame: Frame, object_id: int, tracked: TrackedObject[ObjectMemory], answers: Answers) -> Track:
        """The object's answer in the frame; the next window follows it."""
        view, answer = answers.views[object_id], answers.found[object_id]
        logits, score = answer.logits_hw, probability(answer.object_logit)
        mask = paste_mask(logits, view.window, frame.height, frame.width)
        box = box_of(mask)
        state = self._state(tracked, seen=score > self._tracking.score_threshold and box is not None)
        if (found := extent(logits) if state == "tracked" else None) is not None:
            tracked.box = view.on_picture(found)
            tracked.size = size_after(tracked.size, tracked.box)
        if tracked.focus is not None:
            if found is None or tracked.box is None or tracked.size is None:
                tracked.focus.widen(frame.height, frame.width)
            else:
                tracked.focus.follow(tracked.box, tracked.size)
        return Track(object_id, mask, box, score, answer.predicted_iou, state, logits)

    def _state(self, tracked: TrackedObject[ObjectMemory], *, seen: bool) -> State:
        tracked.unseen = 0 if seen else tracked.unseen + 1
        if seen:
            return "tracked"
        return "lost" if tracked.unseen >= self._tracking.lost_after else "occluded"


def _clicks(prompt: Prompt) -> list[tuple[float, float]]:
    """Where a user said that the object is."""
    return [point for point, label in zip(prompt.points, prompt.labels, strict=True) if label == 1]


def _pointed_at(prompt: Prompt) -> Box | None:
    """The box around everything that a user called the object; None where only what it is not was shown."""
    box = prompt.box if prompt.mask is None else box_of(prompt.mask)
    clicks = _clicks(prompt)
    return around(box, clicks) if box is not None or clicks else None
