"""EdgeTAM's memory as pure modules: attention to what objects remember, and the encoder of what they will.

Letters in names are axes, as in `graphs`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamer.edgetam.graphs import Bank


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position: channel pairs turned by the angle of their position (RoFormer, arXiv 2104.09864)."""
    pairs = x.float().unflatten(-1, (-1, 2))
    turned = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2)
    return (x.float() * cos + turned * sin).type_as(x)


def split_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(-3, -2)


class MemoryAttention(nn.Module):
    """Image features conditioned on what each object remembers.

    `late_values` projects values after attending, not before: weights sum to 1, so it is the same, and with one head
    the products are as wide as a memory (64), not as the features (256). OpenVINO takes 56 % of the time for it; torch
    on a CPU 175 %, since its fused attention wants keys and values of one width.
    """

    def __init__(self, model: Any, *, late_values: bool = False) -> None:
        super().__init__()
        attention, config = model.memory_attention, model.config
        self.layers = attention.layers
        self.layer_norm = attention.layer_norm
        self.heads: int = config.memory_attention_num_attention_heads
        self.late_values = late_values and self.heads == 1
        self.memory_channels: int = model.mem_dim
        self.max_pointer_age = float(config.max_object_pointers_in_encoder - 1)
        self.dates_pointers: bool = config.enable_temporal_pos_encoding_for_object_pointers
        self.pointer_time = model.temporal_positional_encoding_projection_layer
        self.temporal_mc = model.memory_temporal_positional_encoding
        probe = torch.zeros(1, device=self.layer_norm.weight.device)
        query = attention.rotary_emb(probe, attention.position_ids)
        key = attention.rotary_emb(probe, attention.position_ids_k)
        for name, table in zip(("cos_q", "sin_q", "cos_k", "sin_k"), (*query, *key), strict=True):
            self.register_buffer(name, table.clone(), persistent=False)
        self.register_buffer(
            "image_position_1qc", 0.1 * top_position(model).flatten(2).transpose(1, 2), persistent=False
        )
        self.register_buffer("memory_position_tc", memory_position(model), persistent=False)

    cos_q: Tensor
    sin_q: Tensor
    cos_k: Tensor
    sin_k: Tensor
    image_position_1qc: Tensor
    memory_position_tc: Tensor

    def forward(self, top_gchw: Tensor, image_of_b: Tensor, bank: Bank) -> Tensor:
        """Conditioned features, b x c x h x w."""
        keys_bkc, positions_bkc = self.keys(bank)
        mask = key_mask(bank, self.memory_position_tc.shape[0], self.tokens_per_pointer(bank))
        x = top_gchw.flatten(2).transpose(1, 2) + self.image_position_1qc
        for index, layer in enumerate(self.layers):
            x = x + self.self_attention(layer, layer.layer_norm1(x))
            if index == 0:  # until here nothing depends on the object, so it is computed once for each image
                x = x.expand(image_of_b.shape[0], -1, -1) if x.shape[0] == 1 else x[image_of_b]
            x = x + self.cross_attention(layer, layer.layer_norm2(x), keys_bkc, positions_bkc, mask, bank)
            x = x + layer.mlp(layer.layer_norm3(x))
        return self.layer_norm(x).transpose(1, 2).unflatten(-1, top_gchw.shape[-2:])

    def tokens_per_pointer(self, bank: Bank) -> int:
        return bank.pointers_bpc.shape[-1] // self.memory_channels

    def keys(self, bank: Bank) -> tuple[Tensor, Tensor]:
        """All memories then all pointers as one sequence, and the position of each."""
        temporal_bm1c = self.temporal_mc[:, 0, 0][bank.memory_age_bm][:, :, None]
        memory_positions = (self.memory_position_tc + temporal_bm1c).flatten(1, 2)
        splits = self.tokens_per_pointer(bank)
        pointers = bank.pointers_bpc.unflatten(-1, (splits, -1)).flatten(1, 2)
        pointer_positions = self.pointer_positions(bank, pointers).type_as(memory_positions)
        keys = torch.cat((bank.memories_bmtc.flatten(1, 2), pointers), dim=1)
        return keys, torch.cat((memory_positions, pointer_positions), dim=1)

    def pointer_positions(self, bank: Bank, pointers_bkc: Tensor) -> Tensor:
        if not self.dates_pointers:
            return torch.zeros_like(pointers_bkc)
        half = bank.pointers_bpc.shape[-1] // 2
        index = torch.arange(half, dtype=torch.float32, device=pointers_bkc.device)
        angle = (bank.pointer_age_bp / self.max_pointer_age)[..., None] / 10000 ** (2 * (index // 2) / half)
        dated = self.pointer_time(torch.cat((angle.sin(), angle.cos()), dim=-1))
        return dated.repeat_interleave(self.tokens_per_pointer(bank), dim=1)

    def self_attention(self, layer: nn.Module, x: Tensor) -> Tensor:
        a: Any = layer.self_attn
        q = rotate(split_heads(a.q_proj(x), self.heads), self.cos_q, self.sin_q)
        k = rotate(split_heads(a.k_proj(x), self.heads), self.cos_q, self.sin_q)
        v = split_heads(a.v_proj(x), self.heads)
        return a.o_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def cross_attention(
        self, layer: nn.Module, x: Tensor, keys: Tensor, positions: Tensor, mask: Tensor | None, bank: Bank
    ) -> Tensor:
        a: Any = layer.cross_attn_image
        q = rotate(split_heads(a.q_proj(x), self.heads), self.cos_q, self.sin_q)
        k = self.rotate_spatial(split_heads(a.k_proj(keys + positions), self.heads), bank.memories_bmtc.shape[1])
        if self.late_values:
            read = F.scaled_dot_product_attention(q, k, keys[:, None], attn_mask=mask)[:, 0]
            return a.o_proj(a.v_proj(read))
        v = split_heads(a.v_proj(keys), self.heads)
        return a.o_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))

    def rotate_spatial(self, k_bhkd: Tensor, memories: int) -> Tensor:
        """Only a memory's 2-D latents have a place in the image; its 1-D latents and the pointers have none."""
        tokens, spatial = self.memory_position_tc.shape[0], self.cos_k.shape[-2]
        k_nkd = k_bhkd.flatten(0, 1)  # Core ML takes at most five axes
        grouped = k_nkd[:, : memories * tokens].unflatten(1, (memories, tokens))
        placed = rotate(grouped[:, :, tokens - spatial :], self.cos_k, self.sin_k)
        rotated = torch.cat((grouped[:, :, : tokens - spatial], placed), dim=2).flatten(1, 2)
        return torch.cat((rotated, k_nkd[:, memories * tokens :]), dim=1).unflatten(0, (-1, k_bhkd.shape[1]))


def key_mask(bank: Bank, tokens_per_memory: int, tokens_per_pointer: int) -> Tensor | None:
    """True where a key may be attended to, b x 1 x 1 x k; None when nothing is padding."""
    if bank.memory_valid_bm is None or bank.pointer_valid_bp is None:
        return None
    memories = bank.memory_valid_bm.repeat_interleave(tokens_per_memory, dim=1)
    pointers = bank.pointer_valid_bp.repeat_interleave(tokens_per_pointer, dim=1)
    return torch.cat((memories, pointers), dim=1)[:, None, None]


def top_position(model: Any) -> Tensor:
    """The sine position encoding of the stride-16 features, 1 x c x h x w."""
    height, width = model.backbone_feature_sizes[-1]
    weight = model.no_memory_embedding
    shape = torch.Size((1, model.hidden_dim, height, width))
    encoding: Tensor = model.vision_encoder.neck.position_encoding(shape, weight.device, weight.dtype)
    return encoding


def memory_position(model: Any) -> Tensor:
    """The position of each token of a memory, t x c: none for 1-D latents, sine for 2-D ones."""
    perceiver, weight = model.spatial_perceiver, model.no_memory_embedding
    side = round(perceiver.num_latents_2d**0.5)
    shape = torch.Size((1, perceiver.hidden_size, side, side))
    grid = perceiver.positional_encoding(shape, weight.device, weight.dtype)[0].flatten(1).transpose(0, 1)
    return torch.cat((grid.new_zeros(perceiver.num_latents_1d, perceiver.hidden_size), grid))


class MemoryEncoder(nn.Module):
    """An image and a mask on it to one memory for each object."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.memory_encoder
        self.perceiver = model.spatial_perceiver
        self.scale: float = model.config.sigmoid_scale_for_mem_enc
        self.bias: float = model.config.sigmoid_bias_for_mem_enc
        self.occlusion_1c = model.occlusion_spatial_embedding_parameter
        self.windows = round(self.perceiver.num_latents_2d**0.5)
        self.register_buffer("position_1nc", self._positions(model), persistent=False)

    position_1nc: Tensor

    def _positions(self, model: Any) -> Tensor:
        height, width = model.backbone_feature_sizes[-1]
        weight = model.no_memory_embedding
        shape = torch.Size((1, self.encoder.projection.out_channels, height, width))
        encoding: Tensor = self.encoder.position_encoding(shape, weight.device, weight.dtype)
        return encoding.flatten(2).transpose(1, 2)

    def forward(self, top_gchw: Tensor, mask_logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor) -> Tensor:
        """Memories, b x t x c, of masks at the model's square; a prompted mask is remembered as hard 0 and 1."""
        hard = (mask_logits_b1hw > 0).type_as(mask_logits_b1hw)
        soft = mask_logits_b1hw.sigmoid()
        masks = torch.where(prompted_b[:, None, None, None], hard, soft) * self.scale + self.bias
        fused = self.encoder.feature_projection(top_gchw) + self.encoder.mask_downsampler(masks)
        maps = self.encoder.projection(self.encoder.memory_fuser(fused))
        if self.occlusion_1c is not None:
            hidden = (object_logit_b <= 0).type_as(maps)[:, None, None, None]
            maps = maps + hidden * self.occlusion_1c[..., None, None]
        return torch.cat((self.latents_1d(maps), self.latents_2d(maps)), dim=1)

    def latents_1d(self, maps_bchw: Tensor) -> Tensor:
        latents = self.perceiver.latents_1d.expand(maps_bchw.shape[0], -1, -1)
        tokens = maps_bchw.flatten(2).transpose(1, 2)
        positions = self.position_1nc.expand(maps_bchw.shape[0], -1, -1)
        for layer in self.perceiver.layers:
            latents = layer(latents, tokens, positions)
        normed: Tensor = self.perceiver.layer_norm(latents)
        return normed

    def latents_2d(self, maps_bchw: Tensor) -> Tensor:
        """One latent for each window of the image, reading that window alone."""
        batch, channels, height, _ = maps_bchw.shape
        side = height // self.windows
        windows = maps_bchw.unflatten(3, (self.windows, side)).unflatten(2, (self.windows, side))
        tokens = windows.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, channels)
        latents = self.perceiver.latents_2d.repeat(batch, 1)[:, None]
        for layer in self.perceiver.layers:
            latents = layer(latents, tokens, None)
        normed: Tensor = self.perceiver.layer_norm(latents.reshape(batch, -1, channels))
        return normed
