"""Lost objects: none is taken for another one, and one of them is looked for over the whole frame."""

from __future__ import annotations

from dataclasses import replace

from streamer.edgetam.answers import Answers, probability
from streamer.edgetam.memory import ObjectMemory
from streamer.edgetam.model_step import ModelStep, Objects
from streamer.edgetam.object_table import TrackedObject
from streamer.edgetam.preprocessor import paste_mask
from streamer.edgetam.seek import SEEK_AFTER, SURE, seek_crops, shows_another, without
from streamer.types import Frame


class LostSearch:
    """What happens to lost objects after the others were found; `zoom` is a window's side over its object's."""

    def __init__(self, model: ModelStep, zoom: float) -> None:
        self._model, self._zoom = model, zoom

    def run(self, frame: Frame, objects: Objects, answers: Answers) -> None:
        """Objects that were not seen are not believed to be another one; one of those lost is looked for all over."""
        lost = [i for i in objects if objects[i].unseen and i not in answers.prompted]
        for object_id in lost:
            if answers.is_seen(object_id) and self._is_another(frame, object_id, objects, answers):
                answers.deny(object_id)
        sought = [i for i in lost if objects[i].unseen >= SEEK_AFTER and not answers.is_seen(i)]
        if sought:
            object_id = sought[frame.index % len(sought)]
            self._seek(frame, object_id, objects[object_id], answers)

    def _is_another(self, frame: Frame, object_id: int, objects: Objects, answers: Answers) -> bool:
        """Whether the mask of an object that was lost shows one that was not."""
        steady = [i for i in answers.found if i != object_id and i in objects and not objects[i].unseen]
        (mask,) = answers.shown(frame, [object_id])
        return shows_another(mask, answers.shown(frame, steady))

    def _seek(self, frame: Frame, object_id: int, tracked: TrackedObject[ObjectMemory], answers: Answers) -> None:
        """Take a sure answer that shows no other object, found with nothing but what users pointed at.

        What is remembered of the frames since it was lost says that it is not there.
        """
        others = answers.shown(frame, list(answers.found))
        tracked.turn += 1
        views = self._model.crops(replace(frame, image=without(frame.image, others)))
        memory = tracked.memory.copy()
        memory.forget_recent()
        side = self._zoom * (tracked.size or max(frame.height, frame.width))
        crops = seek_crops(side, frame.height, frame.width, tracked.turn)
        views.encode(crops)
        for crop in crops:
            found = self._model.find(views[crop], memory)
            if found.predicted_iou * probability(found.object_logit) < SURE or found.object_logit <= 0:
                continue
            mask = paste_mask(found.logits_hw, crop, frame.height, frame.width)
            if mask.any() and not shows_another(mask, others):
                answers.add(views[crop], object_id, found)
                answers.denied.discard(object_id)
                tracked.memory = memory
                return
