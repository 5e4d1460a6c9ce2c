"""The image encoder on still images and on windows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.preprocessor import Preprocessor
from streamer.edgetam.runtimes.port import Opaque, Runtime
from streamer.edgetam.search_window import Crop

ENCODER_BYTES = 130  # for each pixel of the model's square: at its peak `full-random` took 113 for an image more
MAX_WINDOWS = 32  # of an image, whose features are kept


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """What the image encoder made of an image, or of a window of it: prompts there cost the decoder alone."""

    image_hwc: NDArray[np.uint8]  # the whole one
    window: Crop
    features: Opaque  # conditioned on no memory
    windows: dict[Crop, Embedded] = field(default_factory=dict)  # that prompts needed

    @property
    def height(self) -> int:
        return self.image_hwc.shape[0]

    @property
    def width(self) -> int:
        return self.image_hwc.shape[1]


class StillEncoder:
    """Encodes at most `at_a_time` images together, which bounds its memory."""

    def __init__(self, runtime: Runtime, square: Preprocessor, memory_mb: float) -> None:
        self._runtime, self._square = runtime, square
        self.at_a_time = max(1, int(memory_mb * 2**20 / runtime.info.size**2 / ENCODER_BYTES))

    def images(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedded]:
        """Whole images, H x W x 3 RGB uint8, which may differ in size."""
        return self._embed([(image, Crop(0, 0, image.shape[1], image.shape[0])) for image in images])

    def windows(self, image: Embedded, crops: Iterable[Crop]) -> list[Embedded]:
        """Windows of an image, each encoded once; the image itself where a window is all of it."""
        wanted = list(crops)
        missing = [crop for crop in dict.fromkeys(wanted) if crop not in image.windows and crop != image.window]
        if len(image.windows) + len(missing) > MAX_WINDOWS:
            image.windows.clear()
            missing = [crop for crop in dict.fromkeys(wanted) if crop != image.window]
        for part in self._embed([(image.image_hwc, crop) for crop in missing]):
            image.windows[part.window] = part
        return [image if crop == image.window else image.windows[crop] for crop in wanted]

    def _embed(self, parts: Sequence[tuple[NDArray[np.uint8], Crop]]) -> list[Embedded]:
        found: list[Embedded] = []
        for start in range(0, len(parts), self.at_a_time):
            chunk = parts[start : start + self.at_a_time]
            encoded = self._runtime.encode_images([self._square.pixels(image, crop) for image, crop in chunk])
            for (image, crop), features in zip(chunk, encoded, strict=True):
                found.append(Embedded(image, crop, self._runtime.without_memory(features)))
        return found
