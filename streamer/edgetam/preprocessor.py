"""A window of the frame on the model's square: pixels and prompts going in, masks coming back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.resizing import resize_image, resize_mask
from streamer.edgetam.runtimes.port import Floats, Opaque, Runtime
from streamer.edgetam.search_window import Box, Crop
from streamer.masks import Mask
from streamer.types import Frame, Prompt


@dataclass(frozen=True, slots=True, eq=False)
class EncodedCrop:
    """What the model sees of one window."""

    window: Crop
    features: Opaque
    logits_size: int  # side of the masks in it

    def on_picture(self, box: Box) -> Box:
        """A box in logits of the window, in the frame."""
        sx, sy = self.window.width / self.logits_size, self.window.height / self.logits_size
        x, y = self.window.x, self.window.y
        return box[0] * sx + x, box[1] * sy + y, box[2] * sx + x, box[3] * sy + y


class Preprocessor:
    """The model's own preparation of images and prompts, for any window."""

    def __init__(self, runtime: Runtime) -> None:
        info = runtime.info
        self.size, self.logits_size, self._runtime = info.size, info.logits_size, runtime
        mean, std = np.array(info.mean, np.float32) * 255, np.array(info.std, np.float32) * 255
        self._scale_c11, self._offset_c11 = (1 / std)[:, None, None], (-mean / std)[:, None, None]

    def views(self, frame: Frame, windows: Iterable[Crop]) -> list[EncodedCrop]:
        """What the model sees of some windows."""
        windows = list(windows)
        encoded = self._runtime.encode_images([self.pixels(frame.image, window) for window in windows])
        return [EncodedCrop(w, features, self.logits_size) for w, features in zip(windows, encoded, strict=True)]

    def pixels(self, image_hw3: NDArray[np.uint8], window: Crop) -> Floats:
        """Resized with antialias on bytes, then normalised: 3 x S x S."""
        x, y, w, h = window
        square = resize_image(image_hw3[y : y + h, x : x + w], self.size)
        return square.transpose(2, 0, 1) * self._scale_c11 + self._offset_c11

    def whole(self, frame: Frame) -> Floats:
        """All of a frame."""
        return self.pixels(frame.image, Crop(0, 0, frame.width, frame.height))

    def points(self, prompt: Prompt, window: Crop) -> tuple[Floats, NDArray[np.int32]] | None:
        """A prompt's box and clicks on the square: a box is its two corners, labelled 2 and 3, before the clicks.

        Clicks off the object that lie outside the window say nothing there and are left out; None: nothing is left.
        """
        given = [(corner, label) for corner, label in zip(corners(prompt), (2, 3), strict=False)]
        given += [(p, n) for p, n in zip(prompt.points, prompt.labels, strict=True) if n == 1 or window.holds(p)]
        if not given:
            return None
        scale = np.array([self.size / window.width, self.size / window.height], np.float32)
        points = np.array([p for p, _ in given], np.float32) - np.array([window.x, window.y], np.float32)
        return points * scale, np.array([n for _, n in given], np.int32)

    def mask(self, mask_hw: NDArray[np.bool_], window: Crop) -> Floats:
        """A user's mask on the square, S x S of 0 and 1."""
        x, y, w, h = window
        return resize_mask(mask_hw[y : y + h, x : x + w], self.size)

    def widened(self, logits_hw: Floats) -> Floats:
        """Logits at the model's input size."""
        size = (self.size, self.size)
        return np.asarray(cv2.resize(logits_hw, size, interpolation=cv2.INTER_LINEAR), np.float32)


class EncodedCrops:
    """The windows of one frame, each encoded once: several together, or when one is asked for."""

    def __init__(self, square: Preprocessor, frame: Frame) -> None:
        self.frame = frame
        self.whole = Crop(0, 0, frame.width, frame.height)
        self._square = square
        self._views: dict[Crop, EncodedCrop] = {}

    def encode(self, windows: Iterable[Crop]) -> None:
        """Encode these windows side by side, without the encoded ones."""
        missing = [window for window in dict.fromkeys(windows) if window not in self._views]
        if missing:
            self._views |= zip(missing, self._square.views(self.frame, missing), strict=True)

    def __getitem__(self, window: Crop) -> EncodedCrop:
        self.encode([window])
        return self._views[window]


def corners(prompt: Prompt) -> list[tuple[float, float]]:
    """The two corners of a prompt's box, if it has one."""
    return [prompt.box[:2], prompt.box[2:]] if prompt.box is not None else []


def paste_mask(logits_hw: NDArray[np.float32], window: Crop, height: int, width: int) -> Mask:
    """The mask in the whole frame that these logits are in the window."""
    x, y, w, h = window
    part: Mask = cv2.resize(logits_hw, (w, h), interpolation=cv2.INTER_LINEAR) > 0
    if (w, h) == (width, height):
        return part
    mask = np.zeros((height, width), np.bool_)
    mask[y : y + h, x : x + w] = part
    return mask
