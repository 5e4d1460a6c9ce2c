"""The runtimes' names: declared once for the settings, the command line and the engine."""

from __future__ import annotations

from typing import Literal, get_args

RuntimeName = Literal["auto", "torch", "compile", "openvino", "openvino-int8", "onnx", "tensorrt", "transformers"]
RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)
TORCH_PACKAGES = ("torch", "torchvision", "transformers", "timm")  # not in a light installation
