"""Masks on still images."""

import numpy as np
import pytest
import torch

from streamer.config.stills import GridSettings
from streamer.edgetam.automatic import AutomaticMasks, without_specks
from streamer.edgetam.image import ImageSegmenter
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.search_window import Crop
from streamer.edgetam.weights import NANO
from streamer.errors import CommandError
from streamer.masks import box_of, iou
from streamer.types import Prompt


@pytest.fixture(scope="module")
def segmenter(nano):
    return ImageSegmenter(TorchRuntime(nano))


@pytest.fixture(scope="module")
def image(scene):
    return scene.draw(0)[0]


def box(scene, number):
    return tuple(map(float, box_of(scene.truth(0)[number])))


def middle(scene, number):
    x0, y0, x1, y1 = box(scene, number)
    return (x0 + x1) / 2, (y0 + y1) / 2


def prompts_of(scene):
    return [
        Prompt(1, box=box(scene, 1)),
        Prompt(2, points=(middle(scene, 2),), labels=(1,)),
        Prompt(3, box=box(scene, 3), points=(middle(scene, 3), (5.0, 5.0)), labels=(1, 0)),
    ]


@pytest.mark.parametrize("kind", ["click", "clicks", "box", "box and click"])
def test_a_prompt_is_answered_as_by_transformers_image_model(segmenter, scene, image, kind):
    from transformers import EdgeTamModel, Sam2ImageProcessor, Sam2Processor

    info = segmenter.runtime.info
    model = EdgeTamModel.from_pretrained(NANO).eval()
    size = {"height": info.size, "width": info.size}
    options = {"size": size, "image_mean": list(info.mean), "image_std": list(info.std)}
    processor = Sam2Processor(Sam2ImageProcessor(**options), target_size=info.size)
    given = {
        "click": Prompt(1, points=(middle(scene, 2),), labels=(1,)),
        "clicks": Prompt(1, points=(middle(scene, 2), (5.0, 5.0)), labels=(1, 0)),
        "box": Prompt(1, box=box(scene, 1)),
        "box and click": Prompt(1, box=box(scene, 1), points=(middle(scene, 1),), labels=(1,)),
    }[kind]
    asked = {}
    if given.points:
        asked |= {"input_points": [[[list(p) for p in given.points]]], "input_labels": [[list(given.labels)]]}
    if given.box is not None:
        asked["input_boxes"] = [[list(given.box)]]
    inputs = processor(images=image, return_tensors="pt", **asked)
    whole = Crop(0, 0, image.shape[1], image.shape[0])  # both get the same pixels: resizing may differ by a grey level
    inputs["pixel_values"] = torch.from_numpy(Preprocessor(segmenter.runtime).pixels(image, whole))[None]
    with torch.inference_mode():
        answer = model(**inputs, multimask_output=True)
    (ours,) = segmenter.segment(segmenter.embed([image])[0], [given], candidates=True)
    expected = np.sort(answer.iou_scores[0, 0].numpy())[::-1]
    np.testing.assert_allclose([candidate.score for candidate in ours.candidates], expected, atol=1e-3)
    best = int(answer.iou_scores[0, 0].argmax())
    np.testing.assert_allclose(ours.logits, answer.pred_masks[0, 0, best].numpy(), atol=1e-2)


def test_images_of_several_sizes_in_one_batch_are_as_each_by_itself(segmenter, scene, image):
    smaller = np.ascontiguousarray(image[:200, :300])
    five = [
        Prompt(n, points=((40.0 * n, 90.0), (10.0, 10.0))[: 1 + n % 2], labels=(1, 0)[: 1 + n % 2]) for n in range(1, 6)
    ]
    pairs = [(smaller, [Prompt(7, box=(20, 20, 200, 180))]), (image, prompts_of(scene)), (image[:, ::2], five)]
    together = list(segmenter.batch(pairs))
    assert [len(segments) for segments in together] == [1, 3, 5]
    for (picture, prompts), segments in zip(pairs, together, strict=True):
        alone = segmenter.segment(segmenter.embed([picture])[0], prompts)
        for one, other in zip(alone, segments, strict=True):
            assert one.object_id == other.object_id
            assert one.mask.shape == picture.shape[:2]
            assert iou(one.mask, other.mask) >= 0.999


def test_a_small_budget_takes_less_at_a_time_and_finds_the_same(nano, segmenter, scene, image):
    frugal = ImageSegmenter(TorchRuntime(nano), memory_mb=1)
    assert (frugal.images_at_a_time, frugal.objects_at_a_time) == (1, 1)
    few, many = (each.segment(each.embed([image])[0], prompts_of(scene)) for each in (frugal, segmenter))
    for one, other in zip(few, many, strict=True):
        assert iou(one.mask, other.mask) >= 0.999


def test_a_further_click_starts_from_the_mask_before_and_costs_the_decoder_alone(segmenter, scene, image, monkeypatch):
    embedded = segmenter.embed([image])[0]
    (first,) = segmenter.segment(embedded, [Prompt(1, points=(middle(scene, 2),), labels=(1,))])
    monkeypatch.setattr(segmenter.runtime, "encode_images", lambda _: pytest.fail("the image was encoded again"))
    both = Prompt(1, points=(middle(scene, 2), (5.0, 5.0)), labels=(1, 0))
    (again,) = segmenter.segment(embedded, [both], previous={1: first})
    (afresh,) = segmenter.segment(embedded, [both])
    assert np.abs(again.logits - afresh.logits).max() > 0.1


def test_a_mask_can_be_a_prompt(segmenter, scene, image):
    true = scene.truth(0)[1]
    (found,) = segmenter.segment(segmenter.embed([image])[0], [Prompt(1, mask=true)])
    assert iou(found.mask, true) > 0.5


def test_what_cannot_be_meant_is_refused(segmenter, image):
    embedded = segmenter.embed([image])[0]
    with pytest.raises(CommandError, match="outside"):
        segmenter.segment(embedded, [Prompt(1, points=((9999.0, 1.0),), labels=(1,))])
    with pytest.raises(CommandError, match="twice"):
        segmenter.segment(embedded, [Prompt(1, box=(1, 1, 9, 9)), Prompt(1, box=(1, 1, 9, 9))])


@pytest.mark.parametrize("layers", [0, 1])
def test_automatic_masks_are_those_of_transformers_pipeline_on_a_square_image(segmenter, image, layers):
    """On others its points leave out a part of the image; its crops are square here."""
    from PIL import Image
    from transformers import EdgeTamModel, Sam2ImageProcessor, pipeline

    square = np.ascontiguousarray(image[50:306, 100:356])  # of the model's size, so that little is resized
    info = segmenter.runtime.info
    size = {"height": info.size, "width": info.size}
    processor = Sam2ImageProcessor(size=size, image_mean=list(info.mean), image_std=list(info.std))
    generator = pipeline("mask-generation", model=EdgeTamModel.from_pretrained(NANO), image_processor=processor)
    grid = GridSettings(points_per_side=6, predicted_iou=0.4, stability=0.6, crop_layers=layers)
    theirs = generator(
        Image.fromarray(square),
        points_per_crop=6,
        crops_n_layers=layers,
        pred_iou_thresh=grid.predicted_iou,
        stability_score_thresh=grid.stability,
    )
    ours = AutomaticMasks(segmenter, grid).find(square)
    assert len(ours) == len(theirs["masks"]) > 1
    np.testing.assert_allclose(
        [segment.score for segment in ours], theirs["scores"], atol=1e-3 if layers == 0 else 2e-2
    )
    for segment, mask in zip(ours, theirs["masks"], strict=True):
        assert iou(segment.mask, np.asarray(mask, bool)) >= (0.99 if layers == 0 else 0.95)


def test_specks_and_holes_go_and_the_rest_stays():
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:30] = True
    mask[10:12, 10:12] = False  # a hole of 4
    mask[35, 35] = True  # an island of 1
    cleaned = without_specks(mask, 5)
    assert cleaned[11, 11]
    assert not cleaned[35, 35]
    assert cleaned.sum() == 25 * 25
