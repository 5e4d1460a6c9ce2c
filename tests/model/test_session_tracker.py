"""`--runtime transformers`: transformers' own loop behind the Tracker port, with bounded memory."""

import json

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam import open_engine
from streamer.edgetam.reference import ReferenceTracker
from streamer.edgetam.session_tracker import SessionEngine
from streamer.edgetam.weights import Checkpoint, load
from streamer.errors import ModelError, UsageError
from streamer.masks import box_of
from streamer.types import Command, Frame, Prompt, Remove, Reset, Undo
from tests.parity.parity import centre, one_of_each

SIZE = 64  # of the small models: pixels


@pytest.fixture(scope="module")
def plain():
    return load("nano", size=128, merge=False)


@pytest.fixture(scope="module")
def engine(plain):
    return SessionEngine(plain)


def sam2():
    """SAM 2's architecture with few channels and random weights."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

    hiera = Sam2HieraDetConfig(
        image_size=[SIZE, SIZE],
        hidden_size=8,
        num_attention_heads=1,
        window_positional_embedding_background_size=[2, 2],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[8, 4, 4, 4],
        global_attention_blocks=[3],
    )
    vision = Sam2VisionConfig(
        backbone_config=hiera,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=128,
    )
    return Sam2VideoModel(Sam2VideoConfig(vision_config=vision, **heads(16)))


def sam3():
    """SAM 3's tracker with few channels and random weights."""
    from transformers import Sam3TrackerVideoConfig, Sam3TrackerVideoModel, Sam3VisionConfig, Sam3ViTConfig

    backbone = Sam3ViTConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        patch_size=16,
        pretrain_image_size=SIZE,
        window_size=2,
        global_attn_indexes=[1],
    )
    vision = Sam3VisionConfig(
        backbone_config=backbone, fpn_hidden_size=128, backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]]
    )
    return Sam3TrackerVideoModel(Sam3TrackerVideoConfig(vision_config=vision, **heads(16)))


def heads(patch):
    """The settings that SAM 2 and SAM 3 share."""
    return {
        "image_size": SIZE,
        "prompt_encoder_config": {
            "hidden_size": 128,
            "image_size": SIZE,
            "patch_size": patch,
            "mask_input_channels": 4,
        },
        "mask_decoder_config": {"hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
        "memory_attention_hidden_size": 128,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 128,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 32,
    }


def frame_of(scene, index, **changed):
    return Frame.from_image(scene.draw(index)[0], index=index, **changed)


def box(scene, number, index=0):
    return box_of(scene.truth(index)[number])


def test_masks_and_logits_are_those_of_transformers_for_every_kind_of_prompt(engine, plain, scene):
    """Also past the point where memories fall out, and on frames on which an object is prompted again."""
    tracker, references = engine.tracker(), {}
    prompts: dict[int, dict[int, Prompt]] = {}
    for number, (start, prompt) in one_of_each(scene).items():
        prompts.setdefault(start, {})[number] = prompt
    prompts[18] = {1: Prompt(1, points=(centre(scene.truth(18)[1]),), labels=(1,))}
    seen = 0
    for index in range(22):
        frame, asked = frame_of(scene, index), prompts.get(index, {})
        for track in tracker.track(frame, list(asked.values())):
            reference = references.setdefault(track.object_id, ReferenceTracker(plain))
            expected = reference.track(frame, asked.get(track.object_id))
            np.testing.assert_array_equal(track.logits, expected.logits)
            np.testing.assert_array_equal(track.mask, expected.mask)
            assert track.score == pytest.approx(1 / (1 + np.exp(-expected.object_logit)), abs=1e-5)
            seen += bool(track.mask.any())
    assert seen > 50


def test_a_session_keeps_what_is_read_and_nothing_else(engine, plain, scene):
    tracker = engine.tracker(TrackingSettings(conditioning=2))
    for index in range(20):
        prompted = index in (0, 3, 6)
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1, index))] if prompted else [])
    memory = tracker.table.objects[1].memory
    assert sorted(memory.prompted) == [0, 6]
    assert sorted(memory.tracked) == [5, *range(7, 20)]
    with_memory = [step for step, output in sorted(memory.tracked.items()) if "maskmem_features" in output]
    assert with_memory == list(range(20 - plain.model.config.num_maskmem + 1, 20))
    assert not memory.session.processed_frames
    assert not any(memory.session.frames_tracked_per_obj[0])
    assert not any(memory.session.point_inputs_per_obj[0])
    assert memory.session.cache.get_vision_features(19) is None


def test_undo_takes_a_prompt_back_and_then_the_object(engine, scene):
    plain, undone = engine.tracker(), engine.tracker()
    start = [Prompt(1, box=box(scene, 1))]
    later: dict[int, list[Command]] = {2: [Prompt(1, box=box(scene, 2, 2), mode="replace")], 3: [Undo(1)]}
    for index in range(4):
        frame = frame_of(scene, index)
        (expected,) = plain.track(frame, start if index == 0 else [])
        (track,) = undone.track(frame, start if index == 0 else later.get(index, []))
    memory = undone.table.objects[1].memory
    assert sorted(memory.prompted) == [0]
    assert np.abs(track.logits - expected.logits).max() < np.abs(expected.logits).max()
    assert undone.track(frame_of(scene, 4), [Undo(1)]) == ()


def test_objects_are_removed_and_reset_and_ids_go_on(engine, scene):
    tracker = engine.tracker()
    tracker.track(frame_of(scene, 0), [Prompt(box=box(scene, n)) for n in (1, 2)])
    assert tracker.object_ids == (1, 2)
    assert [track.object_id for track in tracker.track(frame_of(scene, 1), [Remove(1)])] == [2]
    (track,) = tracker.track(frame_of(scene, 2), [Reset(), Prompt(box=box(scene, 1, 2))])
    assert track.object_id == 3
    assert tracker.track(frame_of(scene, 3), [Reset()]) == ()


@pytest.mark.parametrize(
    ("across_gap", "prompted", "tracked"),
    [("keep", [0], [1, 2, 3]), ("keep_prompted", [0], [3]), ("restart", None, None)],
)
def test_a_gap_leaves_what_the_setting_says(across_gap, prompted, tracked, engine, scene):
    tracker = engine.tracker(TrackingSettings(across_gap=across_gap))
    for index in range(3):
        tracker.track(frame_of(scene, index), [Prompt(1, box=box(scene, 1))] if index == 0 else [])
    (track,) = tracker.track(frame_of(scene, 3, epoch=1))
    if prompted is None:
        assert (track.state, track.mask.any()) == ("lost", False)
        return
    memory = tracker.table.objects[1].memory
    assert (sorted(memory.prompted), sorted(memory.tracked)) == (prompted, tracked)


def test_a_damaged_frame_is_not_remembered(engine, scene):
    tracker = engine.tracker()
    tracker.track(frame_of(scene, 0), [Prompt(1, box=box(scene, 1))])
    damaged = frame_of(scene, 1)
    object.__setattr__(damaged, "corrupt", True)
    tracker.track(damaged)
    tracker.track(frame_of(scene, 2))
    assert sorted(tracker.table.objects[1].memory.tracked) == [2]


@pytest.mark.parametrize("make", [sam2, sam3])
def test_models_with_the_same_interface_are_loaded_from_a_folder_and_track(make, scene, tmp_path):
    model = make().eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    tracker = open_engine(str(tmp_path), runtime="transformers").tracker()
    assert tracker.describe()["architecture"] == type(model).__name__
    alone = ReferenceTracker(Checkpoint(model, "", SIZE, (0.5,) * 3, (0.5,) * 3, torch.device("cpu"), torch.float32))
    starts = [Prompt(1, box=box(scene, 1)), Prompt(2, mask=scene.truth(0)[2])]
    for index in range(9):
        frame = frame_of(scene, index)
        tracks = tracker.track(frame, starts if index == 0 else [])
        expected = alone.track(frame, starts[0] if index == 0 else None)
        np.testing.assert_allclose(tracks[0].logits, expected.logits, atol=1e-6)
    with pytest.raises(ModelError, match="not an EdgeTAM; it runs with --runtime transformers"):
        open_engine(str(tmp_path), runtime="torch")
    with pytest.raises(UsageError, match="takes 64 alone; leave out size"):
        open_engine(str(tmp_path), size=128, runtime="transformers")


def test_settings_that_transformers_has_not_are_refused_in_a_line(engine, tmp_path):
    with pytest.raises(UsageError, match=r"tracking\.extensions: runtime transformers has none"):
        engine.tracker(TrackingSettings(extensions=True))
    with pytest.raises(UsageError, match="runtime transformers stores no objects"):
        engine.persistent_tracker(tmp_path / "state")
