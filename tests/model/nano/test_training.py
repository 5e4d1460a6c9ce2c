"""What trains the embedded checkpoint: clips, prompts, loss, and one clip through the network."""

import random
import shutil

import cv2
import numpy as np
import pytest
import torch
from nano import prompts
from nano.bodies import cut
from nano.clips import composite, make, together
from nano.crossing import group, of_one_kind
from nano.losses import Loss, judge
from nano.made import FRAMES, made
from nano.network import Network, Step, neighbours, run
from nano.photographs import in_place
from nano.recipe import RECIPES
from nano.stills import IGNORED, Instance, Picture, Stills, is_kept_aside
from nano.windows import clicked

from streamer.edgetam.weights import load

SIZE = 256


HEADER = "stem,width,height,id,area_frac,x,y,w,h,touches_border,components,largest_component_frac\n"


def write_picture(folder, stem, rng, ids):
    """A picture with ellipses in a row, one for each id, and its lines in instances.csv."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    image, mask = rng.integers(0, 120, (200, 160, 3), np.uint8), np.zeros((200, 160), np.uint8)
    for place, number in enumerate(ids):
        cv2.ellipse(mask, (40 + 80 * place, 100), (30, 60), 0, 0, 360, number, -1)
    image[mask > 0] += 100
    cv2.imwrite(str(folder / f"images/{stem}.jpg"), image)
    cv2.imwrite(str(folder / f"masks/{stem}.png"), mask)
    lines = "".join(f"{stem},160,200,{number},0.17,10,40,60,120,0,1,1.0\n" for number in ids if number != IGNORED)
    table = folder / "instances.csv"
    table.write_text((table.read_text() if table.exists() else HEADER) + lines)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two backgrounds, three people and two cars, in the layout of the data folder."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    (root / "train-frames").mkdir()
    for index in range(2):
        cv2.imwrite(str(root / f"train-frames/b{index}.jpg"), rng.integers(0, 255, (180, 320, 3), np.uint8))
    for stem in ("ccp_0", "ccp_2", "ccp_3"):
        write_picture(root / "train-objects", stem, rng, [255])
    write_picture(root / "train-more/cars", "car_0", rng, [1, 2])
    (root / "train-more/cars/images.csv").write_text("stem,source,original,licence,kinds\ncar_0,x,y,z,1:car;2:car\n")
    return root


@pytest.fixture(scope="module")
def stills(root):
    assert not any(is_kept_aside(path) for path in root.glob("train-[om]*/**/*.jpg"))
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
    broken = Stills((bad,), (Picture(bad, bad),), (), {"cat": (Instance(Picture(bad, bad), 1, "cat"),) * 2})
    for kind in (composite, together, in_place):
        with pytest.raises(ValueError, match=r"bad\.(jpg|png): cannot be read"):
            kind(broken, random.Random(0), np.random.default_rng(0), 1, SIZE)


def test_a_cut_out_of_an_id_that_the_mask_lacks_is_refused(stills):
    (instance, *_) = stills.kinds["car"]
    with pytest.raises(ValueError, match="no pixel has the id 9"):
        cut(Instance(instance.picture, 9, "car"), random.Random(0))


def test_ignored_pixels_are_no_object(tmp_path):
    write_picture(tmp_path, "crowd", np.random.default_rng(0), [1, 255])
    _, ids = Picture(tmp_path / "images/crowd.jpg", tmp_path / "masks/crowd.png", {1: "person"}, IGNORED).read()
    assert set(np.unique(ids)) == {0, 1}


def test_no_photograph_is_on_both_sides_of_the_split(root, tmp_path):
    names = [f"ccp_{n}" for n in range(60)]
    copy = tmp_path / "data"
    shutil.copytree(root, copy)
    for name in names:
        write_picture(copy / "train-objects", name, np.random.default_rng(1), [255])
    shutil.copy(copy / "train-objects/images/ccp_0.jpg", copy / "train-more/cars/images/")
    aside, trained = Stills.under(copy, kept_aside=True), Stills.under(copy)
    kept, used = ({picture.image.stem for picture in side.older} for side in (aside, trained))
    assert kept
    assert not kept & used
    assert kept | used == set(names)


def test_a_group_is_of_one_kind_and_what_hides_one_of_them_is_no_target(stills):
    rng = random.Random(3)
    assert len(of_one_kind(stills, rng, 3)) in (2, 3)
    bodies = group(stills, rng, np.random.default_rng(0), 8)
    assert all(one.centres.shape == (8, 2) for one in bodies)


def test_a_window_around_a_click_shows_the_clicked_object_at_many_scales():
    masks = np.zeros((1, 1, 320, 320), bool)
    masks[0, 0, 150:170, 140:180] = True
    shares = []
    for seed in range(30):
        seen = clicked(
            np.zeros((1, 320, 320, 3), np.uint8), masks, random.Random(seed), np.random.default_rng(seed), SIZE
        )
        shares.append(float(seen[1].mean()))
    assert min(shares) > 0
    assert min(shares) < 0.05
    assert max(shares) > 0.3


def test_made_clips_are_the_same_each_time_and_show_the_pair_leaving_and_returning():
    first, again = (list(made(1, None)) for _ in range(2))
    assert len(first) == FRAMES
    assert all((a.image == b.image).all() and (a.ids == b.ids).all() for a, b in zip(first, again, strict=True))
    seen = np.array([[(frame.ids == n).any() for n in (1, 2)] for frame in first])
    assert seen[0].all()
    assert seen[-1].all()
    assert (~seen).sum(axis=0).max() >= 15


def test_what_hides_one_of_a_pair_covers_it_whole():
    for number in (2, 5):
        hidden = [frame for frame in made(number, None) if not (frame.ids == 1).any()]
        assert len(hidden) >= 8


def test_a_neighbour_is_another_visible_object_of_the_same_clip():
    masks = np.zeros((2, 1, 3, 32, 32), bool).transpose(1, 0, 2, 3, 4)
    masks[0, :, 0, :8], masks[0, :, 1, 20:] = True, True
    step = Step.of(masks.transpose(1, 0, 2, 3, 4), np.random.default_rng(0))
    assert neighbours(step, 0)[:2].tolist() == [1, 0]
    assert set(neighbours(step, 0)[[2, 5]]) <= {0, 1, 3, 4}


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


def test_the_squared_error_wants_no_iou_of_an_absent_object_and_the_absolute_one_does_not_care():
    nothing, logits, gone = torch.zeros(1, 128, 128), torch.full((1, 1, 64, 64), -10.0), torch.tensor([-5.0])
    for loss, wanted in ((Loss(squared_iou=2.5), 2.5 * 0.81), (Loss(), 0.0)):
        sure, humble = (judge(logits, torch.full((1, 1), iou), gone, nothing, loss).loss for iou in (0.9, 0.0))
        assert float(sure - humble) == pytest.approx(wanted)


def test_every_recipe_names_a_mixture_and_its_clips_can_be_made(stills):
    for recipe in RECIPES.values():
        assert make(stills, recipe.seed, 6, 2, SIZE, recipe.mixture).masks.shape[:2] == (6, 2)
        assert sum(recipe.steps) > 0


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
