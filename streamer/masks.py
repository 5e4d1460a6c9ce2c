"""Pure functions on masks: codecs, boxes, and how they are drawn."""

from __future__ import annotations

import colorsys
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from streamer.types import Track

Mask = NDArray[np.bool_]
PixelBox = tuple[int, int, int, int]
Codec = Literal["rle", "bits", "png", "polygon"]
CODECS: tuple[Codec, ...] = get_args(Codec)
POLYGON_TOLERANCE_PX = 1.5
OPACITY = 0.45
PNG = b"\x89PNG\r\n\x1a\n"
RLE_DIGITS = 7  # of 5 bits
PALETTE_LIMIT = 255  # ids above do not fit an 8-bit image
LABEL_LIMIT = 2**16 - 1  # ids above do not fit a PNG file


def box_of(mask_hw: Mask) -> PixelBox | None:
    """The smallest x0, y0, x1, y1 around a mask, the last two exclusive; None for an empty one."""
    x, y, w, h = cv2.boundingRect(mask_hw.view(np.uint8))
    return (int(x), int(y), int(x + w), int(y + h)) if w and h else None


def iou(a_hw: Mask, b_hw: Mask) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = int(np.count_nonzero(a_hw | b_hw))
    return int(np.count_nonzero(a_hw & b_hw)) / union if union else 1.0


def depth(mask_hw: Mask) -> NDArray[np.float32]:
    """How far inside the mask each pixel lies, in pixels; beyond the frame's edge is outside."""
    return cv2.distanceTransform(np.pad(mask_hw, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]


def deepest_point(mask_hw: Mask) -> tuple[float, float]:
    """The x, y of a mask that is farthest from its rim."""
    y, x = np.unravel_index(int(depth(mask_hw).argmax()), mask_hw.shape)
    return float(x), float(y)


def encode(mask_hw: Mask, box: PixelBox | None, codec: Codec) -> bytes:
    """The part of a mask inside `box` as bytes; docs/wire-format.md describes each codec. Nothing for an empty mask."""
    if box is None:
        return b""
    x0, y0, x1, y1 = box
    part = np.ascontiguousarray(mask_hw[y0:y1, x0:x1])
    match codec:
        case "rle":
            return bytes(coco.encode(np.asfortranarray(part.view(np.uint8)))["counts"])
        case "bits":
            return zlib.compress(np.packbits(part).tobytes(), 1)
        case "png":
            return cv2.imencode(".png", part.view(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
        case "polygon":
            return _encode_polygons(part)


def decode(data: bytes, box: PixelBox | None, codec: Codec, size_wh: tuple[int, int]) -> Mask:
    """A mask of `size_wh` from what `encode` made; raises ValueError for anything else."""
    mask = np.zeros((size_wh[1], size_wh[0]), np.bool_)
    if box is None:
        return mask
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= size_wh[0] and 0 <= y0 < y1 <= size_wh[1]):
        raise ValueError(f"box {box} does not lie in a {size_wh[0]} x {size_wh[1]} frame")
    try:
        mask[y0:y1, x0:x1] = _decode_part(data, y1 - y0, x1 - x0, codec)
    except (zlib.error, struct.error, cv2.error) as error:
        raise ValueError(f"{len(data)} bytes are no {codec} mask: {error}") from error
    return mask


def _decode_part(data: bytes, height: int, width: int, codec: Codec) -> Mask:
    part: NDArray[np.uint8] | None
    match codec:
        case "rle":
            part = _decode_rle(data, height, width)
        case "bits":
            expected = (height * width + 7) // 8
            unpacker = zlib.decompressobj()
            raw = unpacker.decompress(data, expected + 1)
            if len(raw) != expected:
                raise ValueError(f"a {width} x {height} mask has {expected} packed bytes, not {len(raw)}")
            part = np.unpackbits(np.frombuffer(raw, np.uint8), count=height * width).reshape(height, width)
        case "png":
            fits = png_size(data) == (width, height)  # known before it is unpacked
            part = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if fits else None
        case "polygon":
            part = _decode_polygons(data, height, width)
    if part is None or part.shape != (height, width):
        raise ValueError(f"{len(data)} bytes are no {codec} mask of {width} x {height}")
    return part > 0


def _decode_rle(data: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """COCO's compressed run lengths. pycocotools reads them too, and leaks the mask where they are broken."""
    codes = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(codes & 0x20 == 0)
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or not len(ends) or ends[-1] != len(codes) - 1:
        raise ValueError(f"{len(data)} bytes are no run lengths")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > RLE_DIGITS:
        raise ValueError("a run length of too many digits")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((codes & 0x1F) << shifts, starts)
    runs -= (codes[ends] >> 4 & 1) << 5 * lengths  # the sign
    runs[1::2], runs[2::2] = (
        np.cumsum(runs[1::2]),
        np.cumsum(runs[2::2]),
    )  # stored as differences
    if runs.min() < 0 or runs.max() > height * width or runs.sum() != height * width:
        raise ValueError(f"run lengths that are not of {width} x {height} pixels")
    return np.repeat(np.arange(len(runs), dtype=np.uint8) & 1, runs).reshape(width, height).T


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG; None for other data, or half a PNG: OpenCV allocates what a chunk promises."""
    if len(data) < 24 or data[:8] != PNG or data[12:16] != b"IHDR":
        return None
    at = len(PNG)
    while at < len(data):
        if at + 12 > len(data) or (at := at + 12 + int.from_bytes(data[at : at + 4], "big")) > len(data):
            return None
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def polygons(mask_hw: Mask) -> list[NDArray[np.int32]]:
    """Outlines, N x 2 points each; holes are outlines too."""
    found, _ = cv2.findContours(mask_hw.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [cv2.approxPolyDP(outline, POLYGON_TOLERANCE_PX, True)[:, 0] for outline in found]


def _encode_polygons(part: Mask) -> bytes:
    outlines = polygons(part)
    chunks = [struct.pack("<H", len(outlines))]
    for outline in outlines:
        chunks.append(struct.pack("<H", len(outline)) + outline.astype("<u2").tobytes())
    return b"".join(chunks)


def _decode_polygons(data: bytes, height: int, width: int) -> NDArray[np.uint8]:
    part = np.zeros((height, width), np.uint8)
    (count,), at = struct.unpack_from("<H", data), 2
    outlines = []
    for _ in range(count):
        (points,) = struct.unpack_from("<H", data, at)
        outlines.append(np.frombuffer(data, "<u2", points * 2, at + 2).reshape(-1, 2).astype(np.int32))
        at += 2 + points * 4
    return cv2.fillPoly(part, outlines, 1) if outlines else part  # even-odd: an outline in an outline is a hole


def labelled(shape: tuple[int, int], masks: Iterable[tuple[int, Mask]]) -> NDArray[Any]:
    """H x W, the pixel is the object's id, 0 is nothing; the last object wins. 16 bits for ids that 8 cannot hold.

    Objects with an id above `LABEL_LIMIT` are left out.
    """
    shown = [(object_id, mask) for object_id, mask in masks if object_id <= LABEL_LIMIT]
    highest = max((object_id for object_id, _ in shown), default=0)
    labels = np.zeros(shape, np.uint8 if highest <= PALETTE_LIMIT else np.uint16)
    for object_id, mask in shown:
        labels[mask] = object_id
    return labels


@lru_cache(maxsize=1024)
def colour(object_id: int) -> tuple[int, int, int]:
    """The RGB colour of an id: always the same, and far from its neighbours'."""
    hue = (object_id * 0.618033988749895) % 1.0  # golden ratio: successive hues never bunch
    r, g, b = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return int(r * 255), int(g * 255), int(b * 255)


def overlay(image_hwc: NDArray[np.uint8], tracks: Sequence[Track]) -> NDArray[np.uint8]:
    """A copy of an RGB image with translucent masks, their outlines, and id, state and score."""
    canvas = image_hwc.copy()
    for track in tracks:
        if track.box is not None:
            _paint(canvas, track.mask, track.box, colour(track.object_id))
    for row, track in enumerate(tracks):
        _label(canvas, track, row)
    return canvas


def _paint(canvas: NDArray[np.uint8], mask: Mask, box: PixelBox, rgb: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = box
    part = canvas[y0:y1, x0:x1]
    inside = mask[y0:y1, x0:x1].view(np.uint8)
    tinted = cv2.addWeighted(part, 1 - OPACITY, np.full_like(part, rgb), OPACITY, 0)
    cv2.copyTo(tinted, inside, part)
    outlines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(canvas, outlines, -1, rgb, max(1, canvas.shape[0] // 360), cv2.LINE_AA, offset=(x0, y0))


def _label(canvas: NDArray[np.uint8], track: Track, row: int) -> None:
    scale = max(0.4, canvas.shape[0] / 900)
    text = f"{track.object_id} {track.state} {track.score:.2f}"
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, y = (track.box[0], track.box[1] - 4) if track.box else (4, (row + 1) * (height + 8))
    x = min(max(x, 0), max(0, canvas.shape[1] - width))
    y = max(y, height + 2)
    cv2.rectangle(canvas, (x, y - height - 3), (x + width + 2, y + 3), (0, 0, 0), -1)
    cv2.putText(canvas, text, (x + 1, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour(track.object_id), 1, cv2.LINE_AA)
