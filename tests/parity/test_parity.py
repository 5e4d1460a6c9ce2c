"""The default mode equals transformers' documented streaming loop, past the point where old memories fall out."""

import copy

import pytest
import torch

from streamer.edgetam.graphs import ImageEncoder
from streamer.edgetam.weights import full_random, load, merge_weights
from streamer.video.scene import Scene, SceneSettings
from tests.parity.parity import compare, one_of_each

FRAMES = 42
FEWER = 26  # the last prompt is on frame 5, and an object's oldest of 16 pointers falls out 17 frames later
TOLERANCE, MIN_IOU = 1e-3, 0.9999


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("runtime", "frames"),
    [
        ("torch", FEWER),
        ("openvino", FRAMES),
        pytest.param("onnx", FRAMES, marks=pytest.mark.slow),
        pytest.param("compile", FRAMES, marks=pytest.mark.slow),
    ],
)
def test_nano_equals_transformers_for_every_kind_of_prompt(runtime, frames):
    """On masks of ten thousand pixels and more: a pixel on the rim may go either way by rounding."""
    scene = Scene(SceneSettings(seed=2, objects=3, width=1280, height=720))
    reference = load("nano", merge=False)
    seen = compare(load("nano"), reference, scene, one_of_each(scene), frames, runtime=runtime)
    assert seen.logits < TOLERANCE
    assert seen.iou >= MIN_IOU
    assert seen.visible > 0.5


@pytest.mark.parametrize("make", [lambda: load("nano", merge=False).model, lambda: full_random(512).eval()])
def test_merged_weights_change_nothing_but_rounding(make):
    """Statistics and gains that are not those of a fresh layer, so that folding has something to do."""
    torch.manual_seed(0)
    plain = make()
    with torch.no_grad():
        for norm in plain.vision_encoder.backbone.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.weight.mul_(torch.empty_like(norm.weight).uniform_(0.8, 1.2))
                norm.running_mean.add_(torch.randn_like(norm.running_mean) * 0.1)
    merged = copy.deepcopy(plain)
    merge_weights(merged)
    assert not [m for m in merged.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(list(merged.modules())) < len(list(plain.modules()))
    pixels = torch.randn(1, 3, plain.config.image_size, plain.config.image_size)
    with torch.inference_mode():
        a, b = ImageEncoder(plain)(pixels), ImageEncoder(merged)(pixels)
    for name in ("s0_gchw", "s1_gchw", "top_gchw"):
        expected, seen = getattr(a, name), getattr(b, name)
        assert expected.shape == seen.shape
        assert torch.allclose(expected, seen, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("size", "objects", "runtime", "frames"),
    [
        (512, 2, "openvino", FEWER),
        pytest.param(512, 5, "torch", FRAMES, marks=pytest.mark.slow),
        pytest.param(512, 5, "openvino", FRAMES, marks=pytest.mark.slow),
        pytest.param(1024, 1, "openvino", FRAMES, marks=pytest.mark.slow),
    ],
)
def test_full_size_random_weights_equal_transformers(size, objects, runtime, frames):
    scene = Scene(SceneSettings(seed=2, objects=3))
    plain, merged = load("full-random", size=size, merge=False), load("full-random", size=size)
    starts = dict(list(one_of_each(scene).items())[:objects])
    seen = compare(merged, plain, scene, starts, frames, runtime=runtime)
    assert seen.logits < TOLERANCE
    assert seen.iou >= MIN_IOU
    assert seen.visible > 0.5
