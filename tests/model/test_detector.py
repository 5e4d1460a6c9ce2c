"""Detectors of transformers as finders, with random weights."""

import numpy as np
import pytest
import torch

from streamer.edgetam.finders import Detector
from streamer.errors import ModelError, UsageError
from streamer.types import Frame


@pytest.fixture(scope="module")
def detector_folder(tmp_path_factory):
    """A detector with random weights."""
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    folder = tmp_path_factory.mktemp("detector")
    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=[64, 64],
        num_detection_tokens=10,
        id2label={0: "cat", 1: "dog"},
        label2id={"cat": 0, "dog": 1},
    )
    YolosForObjectDetection(config).save_pretrained(folder)
    YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_a_detector_with_random_weights_yields_boxes_in_the_picture(detector_folder):
    image = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    frame = Frame.from_image(image, index=0)
    found = Detector(str(detector_folder), threshold=0.0).find(frame)
    assert found
    wanted = found[0].label
    assert wanted in ("cat", "dog")
    assert {one.label for one in Detector(str(detector_folder), [wanted], threshold=0.0).find(frame)} == {wanted}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(one.box[0] < one.box[2] and one.box[1] < one.box[3] for one in found)


@pytest.fixture(scope="module")
def zero_shot_folder(tmp_path_factory):
    """A detector that is asked in words, with random weights and an alphabet for a vocabulary."""
    from transformers import (
        CLIPTokenizer,
        OwlViTConfig,
        OwlViTForObjectDetection,
        OwlViTImageProcessor,
        OwlViTProcessor,
    )

    folder = tmp_path_factory.mktemp("zero-shot")
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["!", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)
    layers = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vision = layers | {"image_size": 64, "patch_size": 16}
    text = layers | {
        "vocab_size": len(words),
        "max_position_embeddings": 16,
        "bos_token_id": 1,  # a query that begins with 0 is padding to OWL-ViT
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    torch.manual_seed(0)
    model = OwlViTForObjectDetection(OwlViTConfig(text_config=text, vision_config=vision, projection_dim=32))
    for parameter in model.box_head.parameters():
        parameter.data.zero_()  # each patch's own box, where random weights say boxes without area
    model.save_pretrained(folder)
    size = {"height": 64, "width": 64}
    OwlViTProcessor(OwlViTImageProcessor(size=size, crop_size=size), tokenizer).save_pretrained(folder)
    return folder


def test_a_zero_shot_detector_is_asked_for_its_labels(zero_shot_folder):
    image = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    found = Detector(str(zero_shot_folder), ["cat", "dog"], threshold=0.0).detect(image)
    assert found
    assert {one.label for one in found} <= {"cat", "dog"}
    assert all(one.box[0] < one.box[2] and one.box[1] < one.box[3] for one in found)
    with pytest.raises(UsageError, match="finds what it is asked for; give --labels"):
        Detector(str(zero_shot_folder))


def test_a_detector_that_cannot_be_used_is_named_with_the_remedy(detector_folder, tmp_path):
    with pytest.raises(UsageError, match="knows no 'bird'; it knows cat, dog"):
        Detector(str(detector_folder), ["bird"])
    with pytest.raises(ModelError, match="cannot be loaded"):
        Detector(str(tmp_path))
