"""Checkpoints of the original EdgeTAM repository (`edgetam.pt`, and what its training code writes), by other names."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamer.errors import ModelError

SUFFIXES = (".pt", ".pth")
MLPS = r"output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head|object_pointer_proj"
# What differs between the original's names of weights and transformers', in the order in which it is replaced.
RULES: tuple[tuple[str, str], ...] = (
    (r"^image_encoder\.trunk\.body\.", r"vision_encoder.backbone.timm_model."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^maskmem_tpos_enc$", r"memory_temporal_positional_encoding"),
    (r"^no_mem_embed$", r"no_memory_embedding"),
    (r"^no_mem_pos_enc$", r"no_memory_positional_encoding"),
    (r"^no_obj_ptr$", r"no_object_pointer"),
    (r"^no_obj_embed_spatial$", r"occlusion_spatial_embedding_parameter"),
    (r"^obj_ptr_tpos_proj\.", r"temporal_positional_encoding_projection_layer."),
    (r"^obj_ptr_proj\.", r"object_pointer_proj."),
    (r"^sam_", r""),
    (r"\.pe_layer\.positional_encoding_gaussian_matrix$", r".shared_embedding.positional_embedding"),
    (r"\.mask_downscaling\.0\.", r".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", r".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", r".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", r".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", r".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", r".upscale_conv1."),
    (r"\.output_upscaling\.1\.", r".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", r".upscale_conv2."),
    (rf"({MLPS})\.layers\.0\.", r"\1.proj_in."),
    (rf"({MLPS})\.layers\.1\.", r"\1.layers.0."),
    (rf"({MLPS})\.layers\.2\.", r"\1.proj_out."),
    (r"\.mlp\.layers\.0\.", r".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", r".mlp.proj_out."),
    (r"^(memory_attention\..*)\.linear1\.", r"\1.mlp.up_proj."),
    (r"^(memory_attention\..*)\.linear2\.", r"\1.mlp.down_proj."),
    (r"^memory_encoder\.out_proj\.", r"memory_encoder.projection."),
    (r"^memory_encoder\.pix_feat_proj\.", r"memory_encoder.feature_projection."),
    (r"\.fuser\.(.*)\.gamma$", r".memory_fuser.\1.scale"),
    (r"\.fuser\.", r".memory_fuser."),
    (r"\.dwconv\.", r".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
    (r"^spatial_perceiver\.latents$", r"spatial_perceiver.latents_1d"),
    (r"\.attn\.norm_x\.", r".layer_norm_input."),
    (r"\.attn\.norm_latents\.", r".layer_norm_latents."),
    (r"^(spatial_perceiver\..*)\.self_attn\.norm\.", r"\1.layer_norm_self."),
    (r"^(spatial_perceiver\..*)\.self_attn\.", r"\1.self_attention."),
    (r"^(spatial_perceiver\..*)\.attn\.", r"\1.cross_attention."),
    (r"\.(self_)?ff\.0\.", r".\1mlp.layer_norm."),
    (r"\.(self_)?ff\.1\.", r".\1mlp.up_proj."),
    (r"\.(self_)?ff\.3\.", r".\1mlp.down_proj."),
    (r"\.to_q\.", r".q_proj."),
    (r"\.(to_out|out_proj)\.", r".o_proj."),
    (r"^(?!vision_encoder)(.*)\.norm(\d|_final_attn|)\.", r"\1.layer_norm\2."),
)
DOWNSAMPLER = re.compile(r"^memory_encoder\.mask_downsampler\.encoder\.(\d+)\.")
LAST_DOWNSAMPLER = 12  # the index of its last convolution; each layer before has a convolution, a norm, an activation


@dataclass(frozen=True, slots=True, eq=False)
class OriginalWeights:
    """A checkpoint's weights by transformers' names, and what its names say of the model."""

    state: dict[str, Tensor]
    occlusion_embedding: bool
    pointer_positions: bool


def read(file: Path) -> OriginalWeights:
    """Read a file without running any code in it; raises ModelError for whatever is no EdgeTAM."""
    content = _unpickled(file)
    weights = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"model {file}: it holds no weights by name; give an edgetam.pt of the original repository")
    if not any(name.startswith("spatial_perceiver.") for name in weights):
        raise ModelError(
            f"model {file}: it has no spatial_perceiver, so it is not an EdgeTAM. SAM 2 runs from the Hub: "
            "--model facebook/sam2.1-hiera-tiny --runtime transformers"
        )
    return OriginalWeights(renamed(weights), "no_obj_embed_spatial" in weights, "obj_ptr_tpos_proj.weight" in weights)


def check_fits(file: Path, weights: OriginalWeights, expected: Mapping[str, Tensor]) -> None:
    """Raise ModelError where names or sizes of weights differ from what a model expects."""
    state = weights.state
    fitting = {name for name in expected if name in state and expected[name].shape == state[name].shape}
    if differing := sorted({*expected, *state} - fitting):
        raise ModelError(
            f"model {file}: {len(differing)} weights are missing, unknown or of another size, {differing[0]} first: "
            "only EdgeTAM with RepViT-M1 is supported"
        )


def renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights as transformers calls and divides them."""
    state: dict[str, Tensor] = {}
    for name, value in weights.items():
        new = transformers_name(name)
        if ".to_kv." in new:
            keys, values = value.chunk(2)
            state[new.replace("to_kv", "k_proj")], state[new.replace("to_kv", "v_proj")] = keys, values
        else:
            state[new] = value
    corners = [state.pop(name) for name in sorted(state) if name.startswith("prompt_encoder.point_embeddings.")]
    if corners:
        state["prompt_encoder.point_embed.weight"] = torch.cat(corners)
    if (table := state.get("prompt_encoder.shared_embedding.positional_embedding")) is not None:
        state["shared_image_embedding.positional_embedding"] = table.clone()
    return state


def transformers_name(name: str) -> str:
    """What transformers calls a weight of the original."""
    if (found := DOWNSAMPLER.match(name)) is not None:
        index = int(found[1])
        part = "layer_norm" if index % 3 else "conv"
        new = "final_conv." if index == LAST_DOWNSAMPLER else f"layers.{index // 3}.{part}."
        return f"memory_encoder.mask_downsampler.{new}{name[found.end() :]}"
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def _unpickled(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if (code := re.search(r"GLOBAL ([\w.]+)", str(error))) is not None:
            raise ModelError(
                f"model {file}: it holds code ({code[1]}), which is never run; give a checkpoint of weights alone"
            ) from error
        raise ModelError(
            f"model {file}: it is no checkpoint of PyTorch; give an edgetam.pt, a folder or a Hub id"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"model {file}: it is cut off or damaged; fetch it again") from error
    except OSError as error:
        raise ModelError(f"model {file}: it cannot be read: {error.strerror}") from error
