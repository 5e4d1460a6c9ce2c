"""The images of a recorded run: JPEG, PNG or H.264 out of Foxglove's messages."""

from __future__ import annotations

from typing import Any, Protocol, cast

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

DATA_FIELD = {"jpeg": 2, "png": 2, "h264": 3}  # number of `data` in CompressedImage and CompressedVideo
LENGTH_DELIMITED, VARINT = 2, 0


class Images(Protocol):
    """Takes a message of the topic `image`, and then gives its image once."""

    def add(self, message: bytes) -> None: ...

    def take(self, width: int, height: int) -> NDArray[np.uint8]:
        """H x W x 3 RGB; raises ValueError where there is none, or one of another size."""


def image_decoder(kind: str) -> Images:
    """The decoder of a file's images; without images every frame is black."""
    match kind:
        case "jpeg" | "png":
            return Stills(kind)
        case "h264":
            return Video()
        case _:
            return Black()


def data_of(message: bytes, number: int) -> bytes:
    """A field of bytes in a protobuf message; raises ValueError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == VARINT:
            _, at = _varint(message, at)
            continue
        if key & 7 != LENGTH_DELIMITED:
            raise ValueError(f"a field of kind {key & 7}")
        length, at = _varint(message, at)
        if key >> 3 == number:
            return message[at : at + length]
        at += length
    raise ValueError("no data in the image")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number without an end")


class Stills:
    def __init__(self, kind: str) -> None:
        self._number = DATA_FIELD[kind]
        self._data = b""

    def add(self, message: bytes) -> None:
        self._data = data_of(message, self._number)

    def take(self, width: int, height: int) -> NDArray[np.uint8]:
        bgr: Any = cv2.imdecode(np.frombuffer(self._data, np.uint8), cv2.IMREAD_COLOR) if self._data else None
        self._data = b""
        return _checked(None if bgr is None else np.ascontiguousarray(bgr[..., ::-1]), width, height)


class Video:
    def __init__(self) -> None:
        self._decoder = cast(Any, av.CodecContext.create("h264", "r"))
        self._image: NDArray[np.uint8] | None = None

    def add(self, message: bytes) -> None:
        try:
            frames = self._decoder.decode(av.Packet(data_of(message, DATA_FIELD["h264"])))
        except av.error.FFmpegError as error:
            raise ValueError(f"H.264 cannot be decoded: {error}") from error
        self._image = frames[-1].to_ndarray(format="rgb24") if frames else None

    def take(self, width: int, height: int) -> NDArray[np.uint8]:
        image, self._image = self._image, None
        if image is not None and image.shape[:2] != (height, width):  # H.264 has even sides
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        return _checked(image, width, height)


class Black:
    def add(self, message: bytes) -> None:
        pass

    def take(self, width: int, height: int) -> NDArray[np.uint8]:
        return np.zeros((height, width, 3), np.uint8)


def _checked(image: NDArray[np.uint8] | None, width: int, height: int) -> NDArray[np.uint8]:
    if image is None or image.shape != (height, width, 3):
        shown = "none" if image is None else f"{image.shape[1]} x {image.shape[0]}"
        raise ValueError(f"its image is {shown}, not {width} x {height}")
    return image
