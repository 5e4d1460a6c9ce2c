"""A camera's results as messages for the page, made once for all readers of the same variant."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_json

from streamer.bus.messages import header_of, object_fields
from streamer.events.fields import named_fields
from streamer.events.types import Event
from streamer.service.camera import Camera
from streamer.service.looks import Looks
from streamer.types import Frame, TrackResult
from streamer.video.jpeg import jpeg_of, scaled
from streamer.web.link import WIDTHS

if TYPE_CHECKING:
    from streamer.video.h264 import H264Encoder

NO_LOOKS = Looks()
ImageFormat = Literal["none", "jpeg", "h264"]


@dataclass(frozen=True, slots=True)
class Variant:
    """How frames are encoded for a reader."""

    images: ImageFormat = "jpeg"
    width: int | None = None  # pixels at most; None: the width of the source

    @classmethod
    def of(cls, images: ImageFormat, width: int | None) -> Variant:
        """The variant with the next width that is not smaller than `width`."""
        return cls(images, None if width is None else next((each for each in WIDTHS if each >= width), None))


@dataclass(frozen=True, slots=True, eq=False)
class FeedMessage:
    """The message of one result."""

    data: bytes
    needs_earlier: bool  # it cannot be decoded without the message before


class Feed:
    """A sink. `Readers` sets `wanted`, the variants of all readers; `deliver` is called in the thread of the sink."""

    def __init__(self, camera: str, deliver: Callable[[str, Variant | None, FeedMessage | str], None]) -> None:
        self.wanted: frozenset[Variant] = frozenset()
        self.latest: TrackResult | None = None
        self.camera: Camera | None = None  # whose results these are; a changed camera is a new one
        self._name = camera
        self._deliver = deliver
        self._encoders: dict[Variant, H264Encoder] = {}
        self._sequence = 0
        self._dropped = 0

    def follow(self, camera: Camera) -> None:
        """The next results are those of `camera`; what was shown under other privacy settings is forgotten."""
        if self.camera is not None and self.camera.settings.privacy != camera.settings.privacy:
            self.latest = self._overlay = None
        self.camera = camera

    def request_key(self, variant: Variant) -> None:
        """Encode the next frame as a key frame."""
        if (encoder := self._encoders.get(variant)) is not None:
            encoder.key_next = True

    def write(self, result: TrackResult) -> None:
        self.latest = result
        wanted = self.wanted
        for gone in self._encoders.keys() - wanted:
            del self._encoders[gone]
        self._sequence += 1
        if not wanted:
            return
        dropped, self._dropped = max(0, result.dropped - self._dropped), result.dropped
        header = header_of(result, sequence=self._sequence, dropped=dropped, published_ns=time.monotonic_ns())
        objects, masks = object_fields(result, "rle")
        looks = NO_LOOKS if self.camera is None else self.camera.looks
        header |= {"kind": "result", "objects": [fields | asdict(looks.get(fields["id"])) for fields in objects]}
        for variant in wanted:
            self._deliver(self._name, variant, self._message(variant, result, header, masks))

    def notify(self, event: Event) -> None:
        looks = NO_LOOKS if self.camera is None else self.camera.looks
        self._deliver(self._name, None, _json({"kind": "event", **named_fields(event, looks.name_of)}).decode())

    def close(self) -> None:
        self._encoders.clear()

    def _message(self, variant: Variant, result: TrackResult, header: dict[str, Any], masks: bytes) -> FeedMessage:
        """`u32 length of the header, little endian | header as JSON | masks | image`."""
        image, fields, needs_earlier = self._image(variant, result.frame)
        more: dict[str, Any] = {} if fields is None else {"image": fields | {"at": [len(masks), len(image)]}}
        packed = _json(header | more)
        return FeedMessage(struct.pack("<I", len(packed)) + packed + masks + image, needs_earlier)

    def _image(self, variant: Variant, frame: Frame) -> tuple[bytes, dict[str, Any] | None, bool]:
        if variant.images == "none":
            return b"", None, False
        if variant.images == "jpeg":
            return jpeg_of(frame, variant.width), {"codec": "jpeg"}, False
        narrower = variant.width is not None and variant.width < frame.width
        image = scaled(frame.image, variant.width) if narrower and variant.width else frame.image
        encoder = self._encoder(variant)
        data, is_key = encoder.encode(image)
        return data, {"codec": encoder.codec, "key": is_key}, not is_key

    def _encoder(self, variant: Variant) -> H264Encoder:
        if variant not in self._encoders:
            from streamer.video.h264 import H264Encoder  # a server that nobody watches imports no encoder

            self._encoders[variant] = H264Encoder()
        return self._encoders[variant]


def _json(fields: dict[str, Any]) -> bytes:
    """Valid JSON, also of a number that is not finite: null."""
    return to_json(fields, inf_nan_mode="null")
