"""A mask as an image of each mode."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

Mask = np.ndarray


def _alpha(mode: str) -> Callable[[Mask], Image.Image]:
    def white_everywhere(mask: Mask) -> Image.Image:
        picture = Image.new("RGB", mask.shape[::-1], "white").convert(mode)
        picture.putalpha(Image.fromarray((mask * 255).astype(np.uint8)))
        return picture

    return white_everywhere


def _palette(colours: list[int], **info: int) -> Callable[[Mask], Image.Image]:
    def indexed(mask: Mask) -> Image.Image:
        picture = Image.fromarray(mask.astype(np.uint8), mode="P")
        picture.putpalette(colours)
        picture.info.update(info)
        return picture

    return indexed


def _values(dtype: type, value: float) -> Callable[[Mask], Image.Image]:
    return lambda mask: Image.fromarray((mask * value).astype(dtype))


def _converted(mode: str) -> Callable[[Mask], Image.Image]:
    return lambda mask: Image.fromarray((mask * 255).astype(np.uint8)).convert("RGB").convert(mode)


MODES: dict[str, Callable[[Mask], Image.Image]] = {
    "RGBA, white everywhere": _alpha("RGBA"),
    "LA, white everywhere": _alpha("LA"),
    "RGBA, opaque": _converted("RGBA"),
    "P, without colours": _palette([0, 0, 0] * 256),
    "P, as of DAVIS": _palette([0, 0, 0, 128, 0, 0]),
    "P, entry 0 transparent": _palette([9, 9, 9, 200, 0, 0], transparency=0),
    "1": Image.fromarray,
    "L": _values(np.uint8, 255),
    "L, value 1": _values(np.uint8, 1),
    "I;16": _values(np.uint16, 65535),
    "I;16, value 1": _values(np.uint16, 1),
    "F": _values(np.float32, 1.0),
    "RGB": _converted("RGB"),
    "CMYK": _converted("CMYK"),
}
