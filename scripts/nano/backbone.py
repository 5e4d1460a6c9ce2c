"""The EfficientNet-Lite0 in training: its first stages as they came, in OpenVINO, the others tuned in torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from timm.layers.padding import pad_same
from torch import Tensor, nn

FIRST_TUNED = 2  # of seven stages; the two before it cost as much as all others and know edges and colours already
RETURNED = (1, 2, 4, 6)  # the stages whose maps the neck takes, at strides 4, 8, 16, 32


class Backbone:
    """The four maps of a batch of pictures; gradients reach the weights of the tuned stages' convolutions."""

    def __init__(self, timm_model: Any) -> None:
        from streamer.edgetam.runtimes.openvino import openvino

        class Frozen(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.timm = timm_model

            def forward(self, pixels: Tensor) -> Tensor:
                x = self.timm.bn1(self.timm.conv_stem(pixels))
                for stage in self.timm.blocks[:FIRST_TUNED]:
                    x = stage(x)
                return x

        timm_model.eval()
        self.tuned: Any = timm_model.blocks[FIRST_TUNED:]
        self.frozen = openvino.convert_model(Frozen().eval(), example_input=torch.rand(1, 3, 256, 256))
        self.core = openvino.Core()
        self.compiled: dict[tuple[int, ...], Any] = {}

    def parameters(self) -> list[nn.Parameter]:
        """What is tuned: convolution weights. Normalisation keeps ImageNet's statistics and gains."""
        return [p for p in self.tuned.parameters() if p.ndim == 4]

    def __call__(self, images_nhwc: NDArray[np.uint8]) -> list[Tensor]:
        pixels = np.ascontiguousarray(images_nhwc.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
        if pixels.shape not in self.compiled:
            self.frozen.reshape(list(pixels.shape))
            options = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
            self.compiled[pixels.shape] = self.core.compile_model(self.frozen, "CPU", options)
        x = torch.from_numpy(self.compiled[pixels.shape](pixels)[0].copy())
        maps = [x]
        x = x.contiguous(memory_format=torch.channels_last)
        for number, stage in enumerate(self.tuned, FIRST_TUNED):
            for block in stage:
                x = inverted_residual(block, x)
            if number in RETURNED:
                maps.append(x.contiguous())
        return maps


def inverted_residual(block: Any, x: Tensor) -> Tensor:
    """timm's InvertedResidual with each normalisation folded into its convolution on the way."""
    y = F.relu6(folded(block.conv_pw, block.bn1, x))
    y = F.relu6(folded(block.conv_dw, block.bn2, y))
    y = folded(block.conv_pwl, block.bn3, y)
    return y + x if block.has_skip else y


def folded(conv: Any, norm: Any, x: Tensor) -> Tensor:
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    padding = conv.padding
    if type(conv).__name__ == "Conv2dSame":
        x, padding = pad_same(x, conv.kernel_size, conv.stride), 0
    weight, bias = conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain
    if conv.kernel_size == (1, 1):  # with one thread torch has no fast convolution for it
        return F.linear(x.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias).permute(0, 3, 1, 2)
    return F.conv2d(x, weight, bias, conv.stride, padding, groups=conv.groups)
