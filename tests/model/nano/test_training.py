"""What trains the embedded checkpoint: clips, prompts, loss, and one clip through the network."""

import random

import cv2
import numpy as np
import pytest
import torch
from nano import prompts
from nano.clips import Stills, composite, in_place, make, traffic
from nano.losses import judge
from nano.network import Network, Step, run

from streamer.edgetam.weights import load

SIZE = 256


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """Two backgrounds and two pictures with a masked thing each, in the layout of the data folder."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for folder in ("train-frames", "train-objects/images", "train-objects/masks"):
        (root / folder).mkdir(parents=True)
    for index in range(2):
        cv2.imwrite(str(root / f"train-frames/b{index}.jpg"), rng.integers(0, 255, (180, 320, 3), np.uint8))
        image = rng.integers(0, 120, (200, 160, 3), np.uint8)
        mask = np.zeros((200, 160), np.uint8)
        cv2.ellipse(mask, (80, 100), (40, 60), 0, 0, 360, 255, -1)
        image[mask > 0] += 100
        cv2.imwrite(str(root / f"train-objects/images/p{index}.jpg"), image)
        cv2.imwrite(str(root / f"train-objects/masks/p{index}.png"), mask)
    return Stills.under(root)


def test_a_clip_depends_on_its_seed_alone_and_shows_every_target_first(stills):
    a, b, c = (make(stills, seed, steps=3, targets=4, size=SIZE) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.frames, b.frames)
    np.testing.assert_array_equal(a.masks, b.masks)
    assert a.frames.shape == (3, SIZE, SIZE, 3)
    assert a.masks.shape == (3, 4, SIZE, SIZE)
    assert a.masks[0].any(axis=(1, 2)).all()
    assert (a.frames != c.frames).any()


def test_targets_leave_and_return_in_some_clips(stills):
    seen = np.concatenate([make(stills, s, 8, 2, SIZE).masks.any(axis=(2, 3)).T for s in range(18)])
    gone = ~seen
    assert gone.any()
    assert any(row[1:].any() and not row.all() and row[np.argmin(row) :].any() for row in seen)


def test_what_is_missing_or_unreadable_is_named(stills, tmp_path):
    with pytest.raises(FileNotFoundError, match="train-frames"):
        Stills.under(tmp_path)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    for kind in (composite, traffic, in_place):
        with pytest.raises(ValueError, match=r"bad\.(jpg|png): cannot be read"):
            kind(Stills((bad,), (bad,), tmp_path), random.Random(0), np.random.default_rng(0), 1, SIZE)


def test_prompts_lie_on_what_they_mean():
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 10:50] = True
    for _ in range(20):
        x, y = prompts.click(mask, rng)
        assert mask[int(y), int(x)]
        x0, _, _, y1 = prompts.box(mask, rng)
        assert abs(x0 - 10) <= 4
        assert abs(y1 - 39) <= 2
    missed = mask.copy()
    missed[:, 30:] = False
    x, y, label = prompts.correction(missed, mask, rng)
    assert label == 1
    assert x >= 30
    x, y, label = prompts.correction(mask, missed, rng)
    assert label == 0
    assert x >= 30


def test_the_loss_is_lower_for_the_truth_and_knows_the_best_candidate():
    true = torch.zeros(1, 128, 128)
    true[:, 30:90, 30:90] = 1
    right = (true[:, None, ::2, ::2] * 20 - 10).clone()
    wrong = -right
    there, gone = torch.tensor([5.0]), torch.tensor([-5.0])
    ious = torch.tensor([[1.0, 0.0]])
    both = judge(torch.cat((right, wrong), 1), ious, there, true)
    bad = judge(torch.cat((wrong, wrong), 1), ious, there, true)
    assert both.loss < 0.1 < bad.loss
    assert both.iou_bn[0, 0] > 0.9
    assert both.iou_bn[0, 1] < 0.2
    assert judge(right, torch.ones(1, 1), gone, true).loss > both.loss + 1


def test_training_on_two_clips_lowers_their_loss(stills):
    torch.manual_seed(0)
    model = load("nano", merge=False).model.train()
    net = Network(model.requires_grad_(True))
    clips = [make(stills, seed, steps=3, targets=2, size=SIZE) for seed in (3, 4)]
    pixels = torch.from_numpy(np.concatenate([clip.frames for clip in clips])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        maps = list(model.vision_encoder.backbone.eval()(pixels).last_hidden_state)
    parameters = [p for n, p in model.named_parameters() if "backbone" not in n]
    optimiser = torch.optim.Adam(parameters, lr=3e-4)
    losses = []
    for _ in range(8):
        step = Step.of(np.stack([clip.masks for clip in clips]), np.random.default_rng(0))
        loss = torch.stack(run(net, maps, step).losses).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    alone = Step.of(np.stack([clips[0].masks]), np.random.default_rng(0))
    assert torch.stack(run(net, [value[:3] for value in maps], alone).losses).isfinite().all()
