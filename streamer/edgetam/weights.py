"""Checkpoints to modules on a device: the embedded `nano`, a Hub id, a folder, an original `edgetam.pt`, or random
full-size weights.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from streamer.edgetam import hub, original_format
from streamer.edgetam.architectures import EDGETAM, architecture_of
from streamer.edgetam.still import STILL
from streamer.errors import ModelError, UsageError

HUB_DEFAULT = "yonigozlan/EdgeTAM-hf"
NANO = Path(__file__).parent / "nano"
FULL_RANDOM = "full-random"
FULL_SIZE = 1024
STRIDE = 16  # of the features that memory works on
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RANDOM_SEED = 20240807
ALWAYS_THERE = 5.0  # an object score's logit


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A loaded model and what its processor's config says about pictures."""

    model: Any  # transformers' EdgeTamVideoModel in evaluation mode, or with --runtime transformers one of its kind
    name: str
    size: int  # side of the model's square input
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    device: torch.device
    dtype: torch.dtype  # of the heavy arithmetic; weights stay float32


def load(
    name: str,
    *,
    size: int | None = None,
    device: str = "auto",
    merge: bool = True,
    architectures: Mapping[str, str] = EDGETAM,
) -> Checkpoint:
    """Load a checkpoint; `merge` makes one layer of what is linear after linear (exact to rounding).

    `architectures` are those that the caller can run. Raises ModelError naming the model and the remedy.
    """
    if name == STILL:
        raise ModelError("model still has no weights: it tracks in run, serve and demo; choose another model here")
    chosen = choose_device(device)
    with quiet():
        if name == FULL_RANDOM:
            model, mean, std = full_random(size or FULL_SIZE), IMAGENET_MEAN, IMAGENET_STD
        elif name.endswith(original_format.SUFFIXES):
            model, mean, std = _from_original(Path(name), size or FULL_SIZE), IMAGENET_MEAN, IMAGENET_STD
        else:
            model, mean, std = _from_pretrained(name, size, architectures)
        model.eval().requires_grad_(requires_grad=False)
        if merge:
            merge_weights(model)
    dtype = torch.bfloat16 if chosen.type == "cuda" else torch.float32
    return Checkpoint(model.to(chosen), name, int(model.config.image_size), mean, std, chosen, dtype)


def choose_device(name: str) -> torch.device:
    """The device of a setting; `auto` takes CUDA, then MPS, then the CPU. Raises UsageError."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind = name.split(":", maxsplit=1)[0]
    if kind not in available:
        raise UsageError(f"device {name!r} is unknown; known: auto, cuda, mps, cpu")
    if not available[kind]:
        raise UsageError(f"device {name!r} is not available on this machine; use auto or cpu")
    return torch.device(name)


def full_random(size: int = FULL_SIZE) -> Any:
    """EdgeTAM's full architecture (13.9 M parameters) with random weights: as fast as the real one, and untrained.

    Its object score says "there", so that there are masks to compare.
    """
    from transformers import EdgeTamVideoModel

    config = full_config(size)
    with torch.random.fork_rng():
        torch.manual_seed(RANDOM_SEED)
        model = EdgeTamVideoModel(config)
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(model.shared_image_embedding.positional_embedding)
    nn.init.constant_(model.mask_decoder.pred_obj_score_head.proj_out.bias, ALWAYS_THERE)
    return model


def full_config(size: int, *, occlusion_embedding: bool = False, pointer_positions: bool = False) -> Any:
    """The config of EdgeTAM's full architecture for a square of `size` pixels."""
    from transformers import EdgeTamVideoConfig, EdgeTamVisionConfig

    backbone = {
        "model_type": "timm_wrapper",
        "architecture": "repvit_m1",
        "num_classes": 2,
        "do_pooling": True,
        "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
    }
    config = EdgeTamVideoConfig(
        vision_config=EdgeTamVisionConfig(backbone_config=backbone),
        enable_occlusion_spatial_embedding=occlusion_embedding,
        enable_temporal_pos_encoding_for_object_pointers=pointer_positions,
    )
    resize(config, size)
    return config


def resize(config: Any, size: int) -> None:
    """Set every field of a config that depends on the input size; raises UsageError for a size that does not divide."""
    grid = size // STRIDE
    windows = round(config.perceiver_resampler_num_latents_2d**0.5)
    if size % STRIDE or grid % windows:
        raise UsageError(
            f"size {size}: this model takes multiples of {STRIDE * windows}, such as {STRIDE * windows * 2}"
        )
    config.image_size = size
    config.prompt_encoder_config.image_size = size
    config.vision_config.backbone_feature_sizes = [[grid * 4] * 2, [grid * 2] * 2, [grid] * 2]
    config.memory_attention_rope_feat_sizes = [grid, grid]


def _from_original(file: Path, size: int) -> Any:
    from transformers import EdgeTamVideoModel

    if not file.is_file():
        raise ModelError(f"model {file}: no such file")
    weights = original_format.read(file)
    model = EdgeTamVideoModel(
        full_config(size, occlusion_embedding=weights.occlusion_embedding, pointer_positions=weights.pointer_positions)
    )
    original_format.check_fits(file, weights, model.state_dict())
    model.load_state_dict(weights.state)
    return model


def _from_pretrained(name: str, size: int | None, architectures: Mapping[str, str]) -> tuple[Any, Any, Any]:
    import transformers
    from transformers.image_processing_utils import ImageProcessingMixin

    folder = NANO if name == "nano" else Path(name)
    where = str(folder) if folder.is_dir() else name
    _refuse_early(name, folder)
    is_local = not folder.is_dir() and not hub.answers()  # what is in the Hub's cache can be used all the same
    try:
        found, _ = transformers.PreTrainedConfig.get_config_dict(where, local_files_only=is_local)
        prefix = architecture_of(name, found.get("model_type"), architectures)
        config = getattr(transformers, f"{prefix}Config").from_pretrained(where, local_files_only=is_local)
        if size is not None and size != config.image_size:
            _resize_edgetam(name, config, size)
        model, report = getattr(transformers, f"{prefix}Model").from_pretrained(
            where, config=config, output_loading_info=True, dtype=torch.float32, local_files_only=is_local
        )
        processor, _ = ImageProcessingMixin.get_image_processor_dict(where, local_files_only=is_local)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(_explain(name, folder, error)) from error
    if missing := report["missing_keys"]:
        raise ModelError(
            f"model {name}: {len(missing)} weights are missing, {sorted(missing)[0]} first: not an EdgeTAM?"
        )
    processor = processor.get("image_processor", processor)
    return model, tuple(processor["image_mean"]), tuple(processor["image_std"])


def _resize_edgetam(name: str, config: Any, size: int) -> None:
    if config.model_type not in EDGETAM:
        raise UsageError(
            f"size {size}: model {name} is no EdgeTAM, and takes {config.image_size} alone; leave out size"
        )
    resize(config, size)


def _refuse_early(name: str, folder: Path) -> None:
    """Say what is wrong with a folder before transformers says it in ten lines."""
    if folder.is_dir():
        config = folder / "config.json"
        if not config.exists():
            raise ModelError(
                f"model {name}: there is no config.json in that folder; give one that save_pretrained wrote"
            )
        try:
            json.loads(config.read_text())
        except (ValueError, OSError) as error:
            raise ModelError(f"model {name}: config.json cannot be read: {error}") from error
    elif name == "nano" or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"model {name}: no such folder; use nano, a folder, an edgetam.pt, or a Hub id like {HUB_DEFAULT}"
        )


def _explain(name: str, folder: Path, error: Exception) -> str:
    if folder.is_dir():
        return f"model {name}: cannot be loaded: {str(error).splitlines()[0]}"
    return (
        f"model {name}: the Hugging Face Hub does not answer, or has no such model. Copy it here with "
        f"`hf download {name} --local-dir FOLDER` on a machine that reaches it and use --model FOLDER, "
        "or use the embedded --model nano"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """transformers announces every load with bars and warnings; errors still come as exceptions."""
    from transformers.utils import logging

    hub = getLogger("huggingface_hub")
    level, bars, hub_level = logging.get_verbosity(), logging.is_progress_bar_enabled(), hub.level
    logging.set_verbosity_error()
    hub.setLevel(CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        hub.setLevel(hub_level)
        if bars:
            logging.enable_progress_bar()


@torch.no_grad()
def merge_weights(model: Any) -> None:
    """One layer for what is linear after linear, in place; the model is then for our graphs only.

    RepViT's parallel branches become one convolution, batch normalisation goes into the convolution before it, and the
    neck's finest two levels are projected to the decoder's skips at once.
    """
    backbone = model.vision_encoder.backbone
    modules: list[nn.Module] = list(backbone.modules())
    for module in modules:
        fuse_repvit(module)
    fold_batch_norms(backbone)
    neck, decoder = model.vision_encoder.neck, model.mask_decoder
    for level, name in enumerate(("conv_s0", "conv_s1")):
        if level not in neck.fpn_top_down_levels:
            neck.convs[-1 - level] = one_projection(neck.convs[-1 - level], getattr(decoder, name))
            setattr(decoder, name, nn.Identity())


def fuse_repvit(module: nn.Module) -> None:
    """Replace each child that timm can re-parameterise by the one convolution that does the same."""
    for name, child in module.named_children():
        if type(child).__name__ in ("RepVggDw", "ConvNorm") and hasattr(child, "fuse"):
            fuse: Any = child.fuse
            setattr(module, name, fuse())


def one_projection(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """Two 1 x 1 convolutions in a row as one."""
    merged = nn.Conv2d(first.in_channels, second.out_channels, 1)
    a, b = first.weight[:, :, 0, 0].double(), second.weight[:, :, 0, 0].double()
    bias = torch.zeros(first.out_channels).double() if first.bias is None else first.bias.double()
    offset = torch.zeros(second.out_channels).double() if second.bias is None else second.bias.double()
    merged.weight = nn.Parameter((b @ a)[:, :, None, None].float(), requires_grad=False)
    merged.bias = nn.Parameter((b @ bias + offset).float(), requires_grad=False)
    return merged


def fold_batch_norms(module: nn.Module) -> int:
    """Fold each batch normalisation into the convolution just before it, in place; returns how many."""
    folded = 0
    previous: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(module, name, _activation_of(child))
            folded += 1
        previous = (name, child) if isinstance(child, nn.Conv2d) else None
        folded += fold_batch_norms(child)
    return folded


def _activation_of(norm: nn.BatchNorm2d) -> nn.Module:
    """timm's BatchNormAct2d also drops out and activates; what stays of it is the activation."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()
