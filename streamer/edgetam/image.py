"""Masks on still images: one or many prompts, refined click by click, and many images at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.config.settings import TrackingSettings
from streamer.config.stills import SEGMENT_MEMORY_MB
from streamer.edgetam.click_scale import ClickAnswer, box_in_frame, choose_answer, click_crops
from streamer.edgetam.pointing import clicks_on, has_clicks_alone, pointed_at
from streamer.edgetam.preprocessor import Preprocessor, paste_mask
from streamer.edgetam.resizing import resize_plane
from streamer.edgetam.runtimes.port import MASK_AS_LOGIT, MAX_LOGIT_AS_PROMPT, Candidates, Floats, Runtime
from streamer.edgetam.search_window import Box, Crop, SearchWindow, around, extent
from streamer.edgetam.still_encoder import Embedded, StillEncoder
from streamer.edgetam.tracking_policy import effective
from streamer.errors import CommandError
from streamer.masks import Mask, PixelBox, box_of
from streamer.types import Prompt, numbered

DECODER_BYTES = 32  # for each pixel of the model's square: at its peak `full-random` took 27 for an object more


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One of the decoder's answers."""

    mask: Mask  # H x W of the image
    score: float  # the model's own estimate of the mask's IoU, 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One object on a still image."""

    object_id: int
    mask: Mask  # H x W of the image
    box: PixelBox | None  # of the mask, the last two exclusive; None if it is empty
    score: float  # the model's own estimate of the mask's IoU, 0 to 1
    logits: NDArray[np.float32]  # at a quarter of the model's square: what a refinement starts from
    window: Crop  # of the image: what the model saw, and what `logits` cover
    candidates: tuple[Candidate, ...] = ()  # on request: three, the best first


class ImageSegmenter:
    """Prompts on still images; on the whole of them, as transformers' EdgeTamModel answers them on the same weights.

    `tracking` says whether an object is looked at in a window of its own, as on a stream: a model with a small input
    sees small objects in no other way. `memory_mb` bounds what is computed at a time, by chunks of images and of
    objects.
    """

    def __init__(
        self, runtime: Runtime, *, memory_mb: float = SEGMENT_MEMORY_MB, tracking: TrackingSettings | None = None
    ) -> None:
        self.runtime = runtime
        self._zoom = effective(tracking or TrackingSettings(), runtime.info.size).zoom
        self._square = Preprocessor(runtime)
        self._encoder = StillEncoder(runtime, self._square, memory_mb)
        self.images_at_a_time = self._encoder.at_a_time
        self.objects_at_a_time = max(1, int(memory_mb * 2**20 / runtime.info.size**2 / DECODER_BYTES))

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """Encode H x W x 3 RGB uint8 images, which may differ in size."""
        return self._encoder.images(images)

    def segment(
        self,
        image: Embedded,
        prompts: Sequence[Prompt],
        *,
        previous: Mapping[int, Segment] | None = None,
        candidates: bool = False,
    ) -> tuple[Segment, ...]:
        """One segment for each prompt, in their order; those with a `previous` segment of their id start from it.

        A prompt is everything that is known of its object: a further click comes with the earlier ones. Of a single
        click, which may mean a thing or its part, the best of three answers is taken; `candidates` asks for three of
        any prompt. Raises CommandError for a prompt that does not lie in the image.
        """
        prompts = numbered(prompts)
        for prompt in prompts:
            prompt.check_inside(image.height, image.width)
        prompts = [prompt.clipped(image.height, image.width) for prompt in prompts]
        if len({prompt.known_id for prompt in prompts}) < len(prompts):
            raise CommandError("an object is prompted twice on one image; give each object one prompt")
        answers: dict[int, Segment] = {}
        asked = [self._ask(image, prompt, (previous or {}).get(prompt.known_id)) for prompt in prompts]
        for group in grouped(asked, self.objects_at_a_time):
            decoded = self._decode(group, candidates)
            for ask, logits_khw, scores_k in zip(group, decoded.logits_bkhw, decoded.predicted_iou_bk, strict=True):
                answers[ask.object_id] = _segment(ask, logits_khw, scores_k, candidates)
        return tuple(answers[prompt.known_id] for prompt in prompts)

    def batch(
        self, images: Iterable[tuple[NDArray[np.uint8], Sequence[Prompt]]], *, candidates: bool = False
    ) -> Iterator[tuple[Segment, ...]]:
        """The segments of each image, read as memory allows."""
        waiting: list[tuple[NDArray[np.uint8], Sequence[Prompt]]] = []
        for pair in images:
            waiting.append(pair)
            if len(waiting) == self.images_at_a_time:
                yield from self._batch(waiting, candidates)
                waiting = []
        if waiting:
            yield from self._batch(waiting, candidates)

    def _batch(
        self, pairs: Sequence[tuple[NDArray[np.uint8], Sequence[Prompt]]], candidates: bool
    ) -> Iterator[tuple[Segment, ...]]:
        embedded = self.embed([image for image, _ in pairs])
        for one, (_, prompts) in zip(embedded, pairs, strict=True):
            yield self.segment(one, prompts, candidates=candidates)

    def at_points(self, image: Embedded, points_b2: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Three candidates for each point alone: logits b x 3 x h x w and predicted IoU b x 3.

        Points are in pixels of the image.
        """
        size = self._square.size
        points = points_b2[:, None] * np.array([size / image.width, size / image.height], np.float32)
        labels = np.ones(points.shape[:2], np.int32)
        found = self.runtime.decode_points(image.features, points, labels, None, multimask=True)
        return found.logits_bkhw, found.predicted_iou_bk

    def _ask(self, image: Embedded, prompt: Prompt, earlier: Segment | None) -> Ask:
        logits, size = None, self._square.logits_size
        if earlier is not None and not _is_in(prompt, earlier.window):
            earlier = None
        view = self._view(image, prompt, earlier)
        if prompt.mask is not None:  # with its own box: a mask alone says little to a decoder
            small = resize_plane(self._square.mask(prompt.mask, view.window), size)
            logits, prompt = (small * 2 - 1) * MASK_AS_LOGIT, Prompt(prompt.known_id, box=box_of(prompt.mask))
        elif earlier is not None:
            logits = earlier.logits.clip(-MAX_LOGIT_AS_PROMPT, MAX_LOGIT_AS_PROMPT)
        return Ask(prompt.known_id, view, *self._pointed(prompt, view.window), logits)

    def _pointed(self, prompt: Prompt, window: Crop) -> tuple[Floats, NDArray[np.int32]]:
        pointed = self._square.points(prompt, window)
        assert pointed is not None  # it has points or a box, and they lie in the window
        return pointed

    def _view(self, image: Embedded, prompt: Prompt, earlier: Segment | None) -> Embedded:
        """What shows the object well: the window of the answer before, or one around what the prompt shows."""
        window = image.window
        if earlier is not None:
            window = earlier.window
        elif self._zoom is not None and (seen := pointed_at(prompt)) is not None:
            seen = self._size_of_clicked(image, prompt) if has_clicks_alone(prompt) else seen
            if seen is not None:
                window = SearchWindow.on(seen, self._zoom).window(image.height, image.width)
        return self._encoder.windows(image, [window])[0]

    def _size_of_clicked(self, image: Embedded, prompt: Prompt) -> Box | None:
        """The box around the object that the clicks mean, and the clicks; None where the model sees nothing there."""
        clicks = clicks_on(prompt)
        views = self._encoder.windows(image, click_crops(clicks, image.height, image.width))
        pointed = Prompt(prompt.known_id, points=tuple(clicks), labels=(1,) * len(clicks))
        answer = choose_answer(self._answers(views, pointed), image.height, image.width)
        box = None if answer is None else extent(answer.logits_hw)
        return None if answer is None or box is None else around(box_in_frame(box, answer), clicks)

    def _answers(self, views: Sequence[Embedded], prompt: Prompt) -> list[ClickAnswer]:
        """The best answer for the clicks in each of several windows."""
        answers: list[ClickAnswer] = []
        for view in views:
            decoded = self._decode([Ask(prompt.known_id, view, *self._pointed(prompt, view.window), None)], False)
            best = int(decoded.predicted_iou_bk[0].argmax())
            logits_hw, predicted_iou = decoded.logits_bkhw[0, best].copy(), float(decoded.predicted_iou_bk[0, best])
            answers.append(ClickAnswer(view.window, logits_hw, predicted_iou))
        return answers

    def _decode(self, group: Sequence[Ask], candidates: bool) -> Candidates:
        """Prompts of one kind in one window."""
        points, labels = np.stack([ask.points_n2 for ask in group]), np.stack([ask.labels_n for ask in group])
        given = [ask.previous_hw for ask in group if ask.previous_hw is not None]
        previous = np.stack(given) if given else None
        ambiguous = labels.shape[1] == 1 and not given
        features = group[0].view.features
        return self.runtime.decode_points(features, points, labels, previous, multimask=candidates or ambiguous)


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One object's prompt on the model's square."""

    object_id: int
    view: Embedded
    points_n2: Floats
    labels_n: NDArray[np.int32]
    previous_hw: Floats | None

    @property
    def kind(self) -> tuple[Crop, int, bool]:
        """Prompts of one kind are decoded together; padding to another's number of points would change the answer."""
        return self.view.window, len(self.labels_n), self.previous_hw is not None


def grouped(asked: Sequence[Ask], most: int) -> Iterator[list[Ask]]:
    """Prompts of one kind, at most so many together."""
    kinds: dict[tuple[Crop, int, bool], list[Ask]] = {}
    for ask in asked:
        kinds.setdefault(ask.kind, []).append(ask)
    for group in kinds.values():
        for start in range(0, len(group), most):
            yield group[start : start + most]


def _is_in(prompt: Prompt, window: Crop) -> bool:
    """Whether all that a prompt calls the object lies in a window."""
    seen = pointed_at(prompt)
    return seen is None or (
        window.holds(seen[:2]) and window.holds((max(seen[0], seen[2] - 1), max(seen[1], seen[3] - 1)))
    )


def _segment(ask: Ask, logits_khw: Floats, scores_k: Floats, candidates: bool) -> Segment:
    order = [int(n) for n in np.argsort(-scores_k, stable=True)]
    masks = {n: _mask(ask.view, logits_khw[n]) for n in (order if candidates else order[:1])}
    best = order[0]
    listed = tuple(Candidate(masks[n], float(scores_k[n])) for n in order) if candidates else ()
    logits, window = logits_khw[best].copy(), ask.view.window
    return Segment(ask.object_id, masks[best], box_of(masks[best]), float(scores_k[best]), logits, window, listed)


def _mask(view: Embedded, logits_hw: Floats) -> Mask:
    return paste_mask(logits_hw, view.window, view.height, view.width)
