"""Masks on still images: one or many prompts, refined click by click, and many images at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.config.stills import SEGMENT_MEMORY_MB
from streamer.edgetam.preprocessor import Preprocessor, paste_mask
from streamer.edgetam.resizing import resize_plane
from streamer.edgetam.runtimes.port import MASK_AS_LOGIT, MAX_LOGIT_AS_PROMPT, Candidates, Floats, Opaque, Runtime
from streamer.edgetam.search_window import Crop
from streamer.errors import CommandError
from streamer.masks import Mask, PixelBox, box_of
from streamer.types import Prompt, numbered

# bytes for each pixel of the model's square: at its peak `full-random` took 113 for an image more, 27 for an object
ENCODER_BYTES, DECODER_BYTES = 130, 32


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
    candidates: tuple[Candidate, ...] = ()  # on request: three, the best first


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """What the image encoder made of an image: prompts on it cost the decoder alone."""

    height: int
    width: int
    features: Opaque  # conditioned on no memory

    @property
    def window(self) -> Crop:
        return Crop(0, 0, self.width, self.height)


class ImageSegmenter:
    """Prompts on still images; as transformers' EdgeTamModel answers them, on the same weights.

    `memory_mb` bounds what is computed at a time, by chunks of images and of objects.
    """

    def __init__(self, runtime: Runtime, *, memory_mb: float = SEGMENT_MEMORY_MB) -> None:
        self.runtime = runtime
        self._square = Preprocessor(runtime)
        chunk = memory_mb * 2**20 / runtime.info.size**2
        self.images_at_a_time = max(1, int(chunk / ENCODER_BYTES))
        self.objects_at_a_time = max(1, int(chunk / DECODER_BYTES))

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """Encode H x W x 3 RGB uint8 images, which may differ in size."""
        found: list[Embedded] = []
        for start in range(0, len(images), self.images_at_a_time):
            chunk = images[start : start + self.images_at_a_time]
            pixels = [self._square.pixels(image, Crop(0, 0, image.shape[1], image.shape[0])) for image in chunk]
            for image, features in zip(chunk, self.runtime.encode_images(pixels), strict=True):
                found.append(Embedded(image.shape[0], image.shape[1], self.runtime.without_memory(features)))
        return found

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
        if len({prompt.known_id for prompt in prompts}) < len(prompts):
            raise CommandError("an object is prompted twice on one image; give each object one prompt")
        answers: dict[int, Segment] = {}
        asked = [self._ask(image, prompt, previous or {}) for prompt in prompts]
        for group in grouped(asked, self.objects_at_a_time):
            decoded = self._decode(image, group, candidates)
            for ask, logits_khw, scores_k in zip(group, decoded.logits_bkhw, decoded.predicted_iou_bk, strict=True):
                answers[ask.object_id] = _segment(image, ask.object_id, logits_khw, scores_k, candidates)
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

    def _ask(self, image: Embedded, prompt: Prompt, previous: Mapping[int, Segment]) -> Ask:
        logits, size = None, self._square.logits_size
        if prompt.mask is not None:  # with its own box: a mask alone says little to a decoder
            small = resize_plane(self._square.mask(prompt.mask, image.window), size)
            logits, prompt = (small * 2 - 1) * MASK_AS_LOGIT, Prompt(prompt.known_id, box=box_of(prompt.mask))
        elif (earlier := previous.get(prompt.known_id)) is not None:
            logits = earlier.logits.clip(-MAX_LOGIT_AS_PROMPT, MAX_LOGIT_AS_PROMPT)
        pointed = self._square.points(prompt, image.window)
        assert pointed is not None  # it has points or a box, and they lie in the image
        return Ask(prompt.known_id, *pointed, logits)

    def _decode(self, image: Embedded, group: Sequence[Ask], candidates: bool) -> Candidates:
        points, labels = np.stack([ask.points_n2 for ask in group]), np.stack([ask.labels_n for ask in group])
        given = [ask.previous_hw for ask in group if ask.previous_hw is not None]
        previous = np.stack(given) if given else None
        ambiguous = labels.shape[1] == 1 and not given
        return self.runtime.decode_points(image.features, points, labels, previous, multimask=candidates or ambiguous)


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One object's prompt on the model's square."""

    object_id: int
    points_n2: Floats
    labels_n: NDArray[np.int32]
    previous_hw: Floats | None

    @property
    def kind(self) -> tuple[int, bool]:
        """Prompts of one kind are decoded together; padding to another's number of points would change the answer."""
        return len(self.labels_n), self.previous_hw is not None


def grouped(asked: Sequence[Ask], most: int) -> Iterator[list[Ask]]:
    """Prompts of one kind, at most so many together."""
    kinds: dict[tuple[int, bool], list[Ask]] = {}
    for ask in asked:
        kinds.setdefault(ask.kind, []).append(ask)
    for group in kinds.values():
        for start in range(0, len(group), most):
            yield group[start : start + most]


def _segment(image: Embedded, object_id: int, logits_khw: Floats, scores_k: Floats, candidates: bool) -> Segment:
    order = [int(n) for n in np.argsort(-scores_k, stable=True)]
    masks = {n: _mask(image, logits_khw[n]) for n in (order if candidates else order[:1])}
    best = order[0]
    listed = tuple(Candidate(masks[n], float(scores_k[n])) for n in order) if candidates else ()
    return Segment(object_id, masks[best], box_of(masks[best]), float(scores_k[best]), logits_khw[best].copy(), listed)


def _mask(image: Embedded, logits_hw: Floats) -> Mask:
    return paste_mask(logits_hw, image.window, image.height, image.width)
