"""The default mode equals transformers' documented streaming loop, past the point where old memories fall out."""

import copy

import pytest
import torch

from streamer.edgetam.weights import Checkpoint, full_random, load
from streamer.sources.scene import Scene, Settings
from tests.edgetam.parity import compare, one_of_each

FRAMES = 42
TOLERANCE, MIN_IOU = 1e-3, 0.9999


def planted(size: int) -> Checkpoint:
    """Full-size random weights whose object score says "there", so that masks are compared and not their absence."""
    model = full_random(size).eval()
    torch.nn.init.constant_(model.mask_decoder.pred_obj_score_head.proj_out.bias, 5.0)
    device = torch.device("cpu")
    return Checkpoint(model, "full-random", size, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), device, torch.float32)


@pytest.mark.timeout(300)
def test_nano_equals_transformers_for_every_kind_of_prompt():
    """On masks of ten thousand pixels and more: a pixel on the rim may go either way by rounding."""
    scene = Scene(Settings(seed=2, objects=3, width=1280, height=720))
    reference = load("nano", merge=False)
    seen = compare(load("nano"), reference, scene, one_of_each(scene), FRAMES)
    assert seen.logits < TOLERANCE
    assert seen.iou >= MIN_IOU
    assert seen.visible > 0.5


def test_folding_batch_norms_changes_nothing_but_rounding():
    from streamer.edgetam.weights import fold_batch_norms

    torch.manual_seed(0)
    plain = load("nano", merge=False).model.vision_encoder.backbone
    folded = copy.deepcopy(plain)
    assert fold_batch_norms(folded) == 48
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    pixels = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        for a, b in zip(plain(pixels).last_hidden_state, folded(pixels).last_hidden_state, strict=True):
            assert torch.allclose(a, b, atol=1e-3 * float(a.abs().max()))


@pytest.mark.peers
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("size", "objects", "frames"), [(512, 5, FRAMES), (1024, 1, FRAMES)])
def test_full_size_random_weights_equal_transformers(size, objects, frames):
    scene = Scene(Settings(seed=2, objects=3))
    checkpoint = planted(size)
    starts = dict(list(one_of_each(scene).items())[:objects])
    seen = compare(checkpoint, checkpoint, scene, starts, frames)
    assert seen.logits < TOLERANCE
    assert seen.iou >= MIN_IOU
    assert seen.visible > 0.5
