"""The image encoder on still images and on windows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.edgetam.graphs import Features, ImageEncoder
from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.search_window import Crop
from streamer.edgetam.weights import Checkpoint

ENCODER_BYTES = 130  # for each pixel of the model's square: at its peak `full-random` took 113 for an image more
WINDOWS_KEPT = 32  # of an image


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """What the image encoder made of an image, or of a window of it: prompts there cost the decoder alone."""

    image_hwc: NDArray[np.uint8]  # the whole one
    window: Crop
    features: Features  # of batch 1, conditioned on no memory
    windows: dict[Crop, Embedded] = field(default_factory=dict)  # those that prompts needed

    @property
    def height(self) -> int:
        return self.image_hwc.shape[0]

    @property
    def width(self) -> int:
        return self.image_hwc.shape[1]


class StillEncoder:
    """Encodes at most `at_a_time` images together, which bounds its memory."""

    def __init__(self, checkpoint: Checkpoint, square: Preprocessor, memory_mb: float) -> None:
        self._checkpoint, self._square = checkpoint, square
        self._encoder = ImageEncoder(checkpoint.model)
        self._no_memory_c11 = checkpoint.model.no_memory_embedding[0, 0, :, None, None]
        self.at_a_time = max(1, int(memory_mb * 2**20 / checkpoint.size**2 / ENCODER_BYTES))

    def images(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """Whole images, H x W x 3 RGB uint8, which may differ in size."""
        return self._embed([(image, Crop(0, 0, image.shape[1], image.shape[0])) for image in images])

    def windows(self, image: Embedded, crops: Iterable[Crop]) -> list[Embedded]:
        """Windows of an image, each encoded once; the image itself where a window is all of it."""
        wanted = list(crops)
        missing = [crop for crop in dict.fromkeys(wanted) if crop not in image.windows and crop != image.window]
        if len(image.windows) + len(missing) > WINDOWS_KEPT:
            image.windows.clear()
            missing = [crop for crop in dict.fromkeys(wanted) if crop != image.window]
        for part in self._embed([(image.image_hwc, crop) for crop in missing]):
            image.windows[part.window] = part
        return [image if crop == image.window else image.windows[crop] for crop in wanted]

    def _embed(self, parts: Sequence[tuple[NDArray[np.uint8], Crop]]) -> list[Embedded]:
        found: list[Embedded] = []
        for start in range(0, len(parts), self.at_a_time):
            chunk = parts[start : start + self.at_a_time]
            features = self._encode(torch.stack([self._square.pixels(image, crop) for image, crop in chunk]))
            found += [Embedded(*part, _row(features, row)) for row, part in enumerate(chunk)]
        return found

    def _encode(self, pixels_g3hw: torch.Tensor) -> Features:
        checkpoint = self._checkpoint
        if checkpoint.device.type == "cpu":
            pixels_g3hw = pixels_g3hw.contiguous(memory_format=torch.channels_last)
        with autocast(checkpoint):
            features = self._encoder(pixels_g3hw)
        top = features.top_gchw.float() + self._no_memory_c11
        return Features(features.s0_gchw.float(), features.s1_gchw.float(), top)


def joined(parts: Sequence[Embedded]) -> Features:
    """The features of several windows as one batch."""
    s0, s1, top = (
        torch.cat([getattr(part.features, name) for part in parts]) for name in ("s0_gchw", "s1_gchw", "top_gchw")
    )
    return Features(s0, s1, top)


def autocast(checkpoint: Checkpoint) -> torch.autocast:
    """The arithmetic of the checkpoint's dtype."""
    return torch.autocast(checkpoint.device.type, checkpoint.dtype, enabled=checkpoint.dtype != torch.float32)


def _row(features: Features, row: int) -> Features:
    one = slice(row, row + 1)
    return Features(features.s0_gchw[one], features.s1_gchw[one], features.top_gchw[one])
