"""Checkpoints of the original EdgeTAM repository: the answers of its own code, and errors for other files."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streamer.config.settings import TrackingSettings
from streamer.edgetam import original_format
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.tracker import StreamingTracker
from streamer.edgetam.weights import ALWAYS_THERE, load
from streamer.errors import ModelError
from streamer.masks import box_of
from streamer.types import Frame, Prompt
from streamer.video.scene import Scene, SceneSettings
from tests.requirements import package, require

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
FRAMES, TOLERANCE = 21, 1e-3  # the first frame and 20 that are tracked
LONG_AGO = 1000  # frames of a recording that is longer than what the model reads


class OriginalLoop:
    """One object through the original code's own step, in float32 (its predictor stores memories in bfloat16)."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.outputs: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}

    @torch.inference_mode()
    def track(self, pixels_13hw: torch.Tensor, index: int, box: tuple[float, ...] | None) -> np.ndarray:
        """Low-resolution logits of the next frame."""
        _, features, positions, sizes = self.model._prepare_backbone_features(self.model.forward_image(pixels_13hw))
        corners = None
        if box is not None:
            labels = torch.tensor([[2, 3]], dtype=torch.int32)
            corners = {"point_coords": torch.tensor([[box[:2], box[2:]]], dtype=torch.float32), "point_labels": labels}
        output = self.model.track_step(
            frame_idx=index,
            is_init_cond_frame=box is not None,
            current_vision_feats=features,
            current_vision_pos_embeds=positions,
            feat_sizes=sizes,
            point_inputs=corners,
            mask_inputs=None,
            output_dict=self.outputs,
            num_frames=LONG_AGO,
        )
        self.outputs["cond_frame_outputs" if box is not None else "non_cond_frame_outputs"][index] = output
        return output["pred_masks"][0, 0].numpy()


def original_model(size: int) -> Any:
    """The original's architecture with random weights for a square of `size` pixels; its object is there."""
    from streamer.bench.original import predictor

    grid = [size // 16] * 2
    torch.manual_seed(0)
    model = predictor(
        f"++model.image_size={size}",
        f"++model.memory_attention.layer.self_attention.feat_sizes={grid}",
        f"++model.memory_attention.layer.cross_attention.q_sizes={grid}",
    )
    torch.nn.init.constant_(model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias, ALWAYS_THERE)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(norm.weight, 0.8, 1.2)
            torch.nn.init.normal_(norm.running_mean, std=0.1)
    return model.eval()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [256, pytest.param(1024, marks=pytest.mark.slow)])
def test_logits_are_those_of_the_original_code(size, tmp_path):
    """Frames have the model's own size, so that nothing is resized."""
    require("original", package("sam2"), "pip install 'streamer[original]'")
    model, file = original_model(size), tmp_path / "edgetam.pt"
    torch.save({"model": model.state_dict()}, file)
    checkpoint = load(str(file), size=size, device="cpu")
    ours, theirs = StreamingTracker(TorchRuntime(checkpoint), TrackingSettings(extensions=False)), OriginalLoop(model)
    scene = Scene(SceneSettings(seed=2, objects=1, width=size, height=size))
    box, visible = box_of(scene.truth(0)[1]), 0
    mean, std = (torch.tensor(values)[:, None, None] for values in (checkpoint.mean, checkpoint.std))
    for index in range(FRAMES):
        image, _ = scene.draw(index)
        pixels = (torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255 - mean) / std
        expected = theirs.track(pixels[None], index, box if index == 0 else None)
        (track,) = ours.track(Frame.from_image(image, index=index), [Prompt(1, box=box)] if index == 0 else [])
        assert np.abs(track.logits - expected).max() < TOLERANCE
        visible += bool(track.mask.any())
    assert visible > FRAMES // 2


class RunsCode:
    """Pickled as a call of `os.system`."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch RAN",)


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """Files that are no EdgeTAM, and what is said of each."""
    torch.save({"model": {"sam_mask_decoder.iou_token.weight": torch.zeros(1, 256)}}, folder / "sam2.pt")
    yield "sam2.pt", "no spatial_perceiver, so it is not an EdgeTAM"
    torch.save({"model": {"spatial_perceiver.latents": torch.zeros(1, 64)}}, folder / "part.pt")
    yield "part.pt", "weights are missing, unknown or of another size"
    torch.save({"epoch": 3}, folder / "epoch.pt")
    yield "epoch.pt", "holds no weights by name"
    (folder / "text.pt").write_text("no checkpoint at all")
    yield "text.pt", "no checkpoint of PyTorch"
    (folder / "cut.pt").write_bytes((folder / "part.pt").read_bytes()[:-200])
    yield "cut.pt", "cut off or damaged"
    (folder / "empty.pt").write_bytes(b"")
    yield "empty.pt", "cut off or damaged"
    torch.save({"model": RunsCode()}, folder / "code.pt")
    yield "code.pt", r"holds code \((posix|nt)\.system\), which is never run"
    (folder / "old.pt").write_bytes(pickle.dumps(RunsCode()))
    yield "old.pt", "which is never run|no checkpoint of PyTorch"
    yield "missing.pt", "no such file"


def test_a_file_that_is_no_original_checkpoint_is_named_in_a_line_and_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, message in files(tmp_path):
        with pytest.raises(ModelError, match=message) as raised:
            load(str(tmp_path / name), size=256, device="cpu")
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "RAN").exists()


def test_names_of_weights_are_translated():
    for original, name in {
        "image_encoder.trunk.body.stem.conv1.c.weight": "vision_encoder.backbone.timm_model.stem.conv1.c.weight",
        "memory_encoder.mask_downsampler.encoder.4.bias": "memory_encoder.mask_downsampler.layers.1.layer_norm.bias",
        "sam_mask_decoder.iou_prediction_head.layers.1.bias": "mask_decoder.iou_prediction_head.layers.0.bias",
        "spatial_perceiver.layers.0.self_ff.3.weight": "spatial_perceiver.layers.0.self_mlp.down_proj.weight",
        "memory_attention.layers.1.norm2.weight": "memory_attention.layers.1.layer_norm2.weight",
    }.items():
        assert original_format.transformers_name(original) == name
