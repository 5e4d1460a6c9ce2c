"""Images and masks at the model's input size, beside transformers' own preparation."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as pictures

from streamer.edgetam.resizing import resize_image, resize_mask, resize_plane
from streamer.video.scene import Scene, SceneSettings


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (400, 200), (255, 255), (97, 61), (256, 256)])
def test_an_image_is_within_one_grey_level_of_transformers(width, height):
    """transformers' processors of images resize bytes with torchvision, bilinear, with antialias."""
    image = Scene(SceneSettings(seed=2, objects=3, width=width, height=height)).draw(3)[0]
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    theirs = pictures.resize(tensor, [256, 256], antialias=True).permute(1, 2, 0).numpy()
    difference = np.abs(resize_image(image, 256).astype(int) - theirs)
    assert difference.max() <= 1
    assert difference.mean() < 0.3


@pytest.mark.parametrize(("width", "height"), [(640, 360), (97, 61), (256, 256)])
def test_a_mask_is_transformers_mask(width, height):
    mask = np.random.default_rng(0).random((height, width)) > 0.7
    given = torch.from_numpy(mask)[None, None].float()
    theirs = F.interpolate(given, size=(256, 256), mode="bilinear", align_corners=False, antialias=True)[0, 0]
    np.testing.assert_allclose(resize_plane(mask.astype(np.float32), 256), theirs.numpy(), atol=1e-5)
    assert (resize_mask(mask, 256) != (theirs.numpy() >= 0.5)).mean() < 1e-4
