"""A window of the picture on the model's square: pixels and prompts going in, masks coming back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as pictures

from streamer.edgetam.graphs import Features
from streamer.edgetam.runtimes.choose import Runtime
from streamer.edgetam.search_window import Box, Crop
from streamer.edgetam.weights import Checkpoint
from streamer.masks import Mask
from streamer.types import Frame, Prompt


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCrop:
    """What the model sees of one window."""

    window: Crop
    features: Features

    def on_picture(self, box: Box) -> Box:
        """A box in logits of the window (a quarter of the square), in the picture."""
        sx, sy = self._pixels_per_logit
        return (
            box[0] * sx + self.window.x,
            box[1] * sy + self.window.y,
            box[2] * sx + self.window.x,
            box[3] * sy + self.window.y,
        )

    @property
    def _pixels_per_logit(self) -> tuple[float, float]:
        h, w = self.features.s0_gchw.shape[-2:]
        return self.window.width / w, self.window.height / h


class Preprocessor:
    """The model's own preparation of pictures and prompts, for any window."""

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime) -> None:
        self._size, self._device, self._runtime = checkpoint.size, checkpoint.device, runtime
        self._mean_c11 = (torch.tensor(checkpoint.mean) * 255)[:, None, None].to(checkpoint.device)
        self._std_c11 = (torch.tensor(checkpoint.std) * 255)[:, None, None].to(checkpoint.device)

    def view(self, frame: Frame, window: Crop) -> EncodedCrop:
        """What the model sees of a window."""
        features = self._runtime.encode_image(self.pixels(frame.image, window)[None])
        floats = Features(features.s0_gchw.float(), features.s1_gchw.float(), features.top_gchw.float())
        return EncodedCrop(window, floats)

    def pixels(self, image_hwc: NDArray[np.uint8], window: Crop) -> Tensor:
        """Resized with antialias on bytes, then normalised: 3 x S x S."""
        x, y, w, h = window
        image = torch.from_numpy(np.array(image_hwc[y : y + h, x : x + w])).permute(2, 0, 1).to(self._device)
        size = [self._size, self._size]
        resized = pictures.resize(image, size, interpolation=pictures.InterpolationMode.BILINEAR, antialias=True)
        return (resized.float() - self._mean_c11) / self._std_c11

    def points(self, prompt: Prompt, window: Crop) -> tuple[Tensor, Tensor] | None:
        """A prompt's box and clicks on the square: a box is its two corners, labelled 2 and 3, before the clicks.

        Clicks off the object that lie outside the window say nothing there and are left out; None: nothing is left.
        """
        given = [(corner, label) for corner, label in zip(corners(prompt), (2, 3), strict=False)]
        given += [(p, n) for p, n in zip(prompt.points, prompt.labels, strict=True) if n == 1 or window.holds(p)]
        if not given:
            return None
        points, labels = torch.tensor([p for p, _ in given], dtype=torch.float32), [n for _, n in given]
        scale = torch.tensor([self._size / window.width, self._size / window.height])
        on_square = (points - torch.tensor([window.x, window.y])) * scale
        return on_square[None].to(self._device), torch.tensor([labels], dtype=torch.int32, device=self._device)

    def mask(self, mask_hw: NDArray[np.bool_], window: Crop) -> Tensor:
        """A user's mask on the square, 1 x 1 x S x S of 0 and 1."""
        x, y, w, h = window
        part = np.array(mask_hw[y : y + h, x : x + w])
        mask = torch.from_numpy(part).to(self._device, torch.float32)[None, None]
        size = (self._size, self._size)
        if mask.shape[-2:] == size:
            return mask
        resized = F.interpolate(mask, size=size, mode="bilinear", align_corners=False, antialias=True)
        return (resized >= 0.5).float()


class EncodedCrops:
    """The windows of one frame, each encoded once and when it is asked for."""

    def __init__(self, square: Preprocessor, frame: Frame) -> None:
        self.frame = frame
        self.whole = Crop(0, 0, frame.width, frame.height)
        self._square = square
        self._views: dict[Crop, EncodedCrop] = {}

    def __getitem__(self, window: Crop) -> EncodedCrop:
        if window not in self._views:
            self._views[window] = self._square.view(self.frame, window)
        return self._views[window]


def corners(prompt: Prompt) -> list[tuple[float, float]]:
    """The two corners of a prompt's box, if it has one."""
    return [prompt.box[:2], prompt.box[2:]] if prompt.box is not None else []


def paste_mask(logits_hw: NDArray[np.float32], window: Crop, height: int, width: int) -> Mask:
    """The mask in the whole picture that these logits are in the window."""
    x, y, w, h = window
    part: Mask = cv2.resize(logits_hw, (w, h), interpolation=cv2.INTER_LINEAR) > 0
    if (w, h) == (width, height):
        return part
    mask = np.zeros((height, width), np.bool_)
    mask[y : y + h, x : x + w] = part
    return mask
