"""Image files: read as they are displayed, in the natural order of their names."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from streamer.errors import UsageError

log = logging.getLogger(__name__)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
ORIENTATION = 0x0112  # the EXIF tag
# by the tag's value: rows and columns swapped, mirrored left to right, upside down
TURNS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
LOSSY = ("JPEG", "WEBP")  # their black has values above 0
LOSSY_ABOVE = 127
Image.MAX_IMAGE_PIXELS = None  # OpenCV has a limit of its own, 2^30


def natural(path: Path) -> list[Any]:
    """A sort key by which `frame_2` comes before `frame_10`."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdecimal() else part.lower() for part in parts] + [path.name]


def is_image(path: Path) -> bool:
    """Whether the name is one of an image; names that begin with a dot are not, as a Mac leaves them on its disks."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height as displayed, without decoding; None where the file is no image."""
    try:
        with _opened(path) as image:
            width, height = image.size
            lies = _turn(image)[0] and not _is_tiff(path)  # whose size Pillow gives as displayed
            return (height, width) if lies else (width, height)
    except (OSError, ValueError, SyntaxError):
        return None


def read_image(path: Path) -> NDArray[np.uint8]:
    """H x W x 3 RGB, turned as its EXIF says; more than 8 bits are scaled to the image's range, which is logged.

    Raises UsageError naming the file.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file")
    try:
        image = _turned_tiff(path) if _is_tiff(path) else None
        image = _turned(path) if image is None else image
    except (cv2.error, MemoryError) as error:
        raise UsageError(f"{path}: {_reason(error)}") from error
    if image is None:
        raise UsageError(f"{path}: cannot be read as an image")
    if image.dtype != np.uint8:
        image = _to_8_bits(image, path)
    return np.ascontiguousarray(_in_colour(image))


def read_mask(path: Path) -> NDArray[np.bool_]:
    """H x W, as displayed: what is not transparent; without transparency what is not black, or not palette entry 0.

    Raises UsageError naming the file.
    """
    try:
        with _opened(path) as stored:
            stored.load()  # which turns a TIFF
            lossy = stored.format == "JPEG" or (stored.format == "WEBP" and not _has_transparency(stored))
            image = ImageOps.exif_transpose(stored)
            return np.ascontiguousarray(_mask_of(image, LOSSY_ABOVE if lossy else 0))
    except FileNotFoundError:
        raise UsageError(f"mask {path}: no such file") from None
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        raise UsageError(f"mask {path}: cannot be read as an image") from error


def _turned(path: Path) -> NDArray[Any] | None:
    """The pixels as OpenCV reads them (blue first), as displayed; None where it cannot."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or _is_tiff(path):
        return image
    transposed, mirrored, flipped = False, False, False
    with contextlib.suppress(OSError, ValueError, SyntaxError), _opened(path) as header:  # others have no EXIF
        transposed, mirrored, flipped = _turn(header)
    image = image.swapaxes(0, 1) if transposed else image
    image = image[:, ::-1] if mirrored else image
    return image[::-1] if flipped else image


def _turned_tiff(path: Path) -> NDArray[Any] | None:
    """A TIFF that lies on its side, which OpenCV refuses, blue first; None for any other, or what Pillow refuses."""
    with contextlib.suppress(OSError, ValueError, SyntaxError), _opened(path) as image:
        if _turn(image)[0]:
            image.load()  # which turns it
            gray = image.mode in ("L", "I", "F") or image.mode.startswith("I;")
            return np.asarray(image) if gray else np.asarray(image.convert("RGB"))[..., ::-1]
    return None


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in (".tif", ".tiff")


def _opened(path: Path) -> Image.Image:
    """The header; a TIFF from memory, because Pillow 13 does not turn one that it maps from the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on damaged EXIF
        return Image.open(io.BytesIO(path.read_bytes()) if _is_tiff(path) else path)


def _turn(image: Image.Image) -> tuple[bool, bool, bool]:
    return TURNS.get(cast(int, image.getexif().get(ORIENTATION, 1)), (False, False, False))


def _reason(error: BaseException) -> str:
    if "CV_IO_MAX_IMAGE" in str(error):
        return "has more than 2^30 pixels; scale it down"
    return "there is not enough memory for it" if isinstance(error, MemoryError) else "cannot be read as an image"


def _to_8_bits(image: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Depth, thermal and other images of more than 8 bits: the darkest value is 0, the brightest 255."""
    values = image[..., :3] if image.ndim == 3 else image
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    _log_scaled(path.parent, str(image.dtype), path.name, low, high)
    shown = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.round((shown - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


def _log_scaled(folder: Path, kind: str, name: str, low: float, high: float) -> None:
    """Once for the images of a folder."""
    if (folder, kind) not in _scaled:
        _scaled.add((folder, kind))
        log.warning("%s: %s values from %g to %g are scaled to 0 to 255; others like it too", name, kind, low, high)


_scaled: set[tuple[Path, str]] = set()


def _in_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., 2::-1]


def _has_transparency(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _mask_of(image: Image.Image, above: int) -> NDArray[np.bool_]:
    if _has_transparency(image):
        rgba = np.asarray(image.convert("RGBA"))
        if (rgba[..., 3] < 255).any():
            return rgba[..., 3] > 0
        if image.mode != "P":
            return rgba[..., :3].max(axis=2) > above
    if image.mode == "P":
        return _palette_mask(image)
    if image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;"):
        return np.asarray(image) > above
    return np.asarray(image.convert("RGB")).max(axis=2) > above


def _palette_mask(image: Image.Image) -> NDArray[np.bool_]:
    """Not entry 0; but where another entry alone is black, as a quantised image may have it, what is not black."""
    indices = np.asarray(image)
    palette = np.asarray(image.getpalette() or [0, 0, 0], np.uint8).reshape(-1, 3)
    used = np.unique(indices)
    black = [entry for entry in used if entry < len(palette) and not palette[entry].any()]
    if len(palette) and palette[0].any() and len(black) == 1:
        return cast(NDArray[np.bool_], indices != black[0])
    return indices > 0
