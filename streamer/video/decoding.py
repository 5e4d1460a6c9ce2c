"""Frames of a container as they are displayed: upright, in square pixels, without combing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

Image = NDArray[np.uint8]
MAX_FPS = 240  # a stream that declares more is not believed
DEFAULT_FPS = 25.0
MAX_DAMAGED = 250  # packets in a row that cannot be decoded: 10 s at 25 fps
MAX_ASPECT = 8  # of a pixel: a wider or narrower one is not believed
UNSPECIFIED, BT709, RGB = 2, 1, 0  # FFmpeg's numbers of colour matrices
HD_HEIGHT = 720  # from which on a stream that does not name its colour matrix has BT.709
TOLERANCE = 0.1  # share of a declared length that may be missing: the last frame's own duration, frames of no size
DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
COMB = 12  # levels between neighbouring rows, in both directions, that make a pixel combed
COMBED = 0.0005  # share of combed pixels from which on a frame is deinterlaced


@dataclass(frozen=True, slots=True)
class Turn:
    """How the stored rows and columns are displayed: swapped, then mirrored."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    def apply(self, image_hwc: Image) -> Image:
        turned = image_hwc.transpose(1, 0, 2) if self.transposed else image_hwc
        turned = turned[:, ::-1] if self.mirrored_x else turned
        return np.ascontiguousarray(turned[::-1] if self.mirrored_y else turned)


UPRIGHT = Turn()


def turn_of(frame: av.VideoFrame) -> Turn:
    """The turn of a frame's display matrix, to the nearest quarter."""
    for data in frame.side_data:
        if cast(Any, data).type == Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = np.frombuffer(bytes(cast(Any, data)), np.int32).tolist()
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return Turn(False, a < 0, d < 0)
            return Turn(True, c < 0, b < 0)
    return UPRIGHT


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width over height of the stream's pixels; 1 where it declares none, or an impossible one."""
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else Fraction(1)


def displayed_size(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Width and height of a frame as it is displayed."""
    size = max(1, round(frame.width * aspect)), frame.height
    return size[::-1] if turn_of(frame).transposed else size


def displayed(frame: av.VideoFrame, aspect: Fraction) -> Image:
    """A frame as H x W x 3 RGB, as it is displayed. A stream without a colour matrix has that of its size."""
    guessed = frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT and not frame.format.is_rgb
    converted = frame.reformat(
        width=max(1, round(frame.width * aspect)),
        format="rgb24",
        src_colorspace=BT709 if guessed else None,
    )
    image = cast(Image, converted.to_ndarray())
    if frame.interlaced_frame and is_combed(image):
        image = deinterlaced(image)
    turn = turn_of(frame)
    return image if turn == UPRIGHT else turn.apply(image)


def is_combed(image_hwc: Image) -> bool:
    """Whether every other row is of another moment: it differs from both its neighbours in one direction."""
    green = image_hwc[..., 1].astype(np.int16)
    inner = green[1 : green.shape[0] - 1 : 2]
    above, below = inner - green[0:-2:2][: len(inner)], inner - green[2::2][: len(inner)]
    combed = ((above > COMB) & (below > COMB)) | ((above < -COMB) & (below < -COMB))
    return bool(combed.mean() > COMBED) if combed.size else False


def deinterlaced(image_hwc: Image) -> Image:
    """The first field of a frame in full height: the rows between are the means of their neighbours."""
    image = image_hwc.copy()
    above = image[0::2].astype(np.uint16)
    between = image[1::2]
    below = np.concatenate((above[1:], above[-1:]))[: len(between)]
    between[:] = (above[: len(between)] + below + 1) // 2
    return image


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream that is not a cover image; None where there is none."""
    streams = container.streams.video
    moving = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    return next(iter(moving or streams), None)


def rate_of(stream: VideoStream) -> float | None:
    """The fps that the stream declares; None where it declares none, or an impossible one."""
    rate = stream.guessed_rate or stream.average_rate
    return None if rate is None or not 1 <= rate <= MAX_FPS else round(float(rate), 3)


def missing_end(decoder: Decoder, last_s: float) -> str | None:
    """What the container declares beyond the end that was reached; None where it declares no more."""
    declared = decoder.stream.frames  # of MP4, MOV and AVI
    if declared > decoder.packets and decoder.packets < declared * (1 - TOLERANCE):
        return f"the file declares {declared} frames"
    declared_s = _declared_s(decoder.container, decoder.stream)
    reached_s = last_s - decoder.start_s
    if declared_s is not None and declared_s - reached_s > max(0.2, TOLERANCE * declared_s):
        return f"the file declares {declared_s:.1f} s"
    return None


def _declared_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The duration in the header of a container that writes one there; None for others."""
    if container.format.name not in ("matroska,webm", "flv"):
        return None
    if tag := DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(float, tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    if container.duration is None or len(container.streams) > 1:  # the longest of several
        return None
    return container.duration / av.time_base


class FrameTimes:
    """Seconds of a recording's frames, always growing; a frame without a time follows at the nominal rate."""

    def __init__(self, fps: float | None) -> None:
        self._step_s = 1 / (fps or DEFAULT_FPS)
        self._last_s: float | None = None

    @property
    def last_s(self) -> float:
        return self._last_s or 0.0

    def update(self, time_s: float | None) -> float:
        if self._last_s is None:
            self._last_s = time_s or 0.0
        else:
            follows_s = self._last_s + self._step_s
            self._last_s = time_s if time_s is not None and time_s > self._last_s else follows_s
        return self._last_s


class Decoder:
    """The frames of one stream in display order. Packets that cannot be decoded are left out and counted.

    The iteration ends where the container breaks off, after the frames before it; `failure` is why. So it does after
    MAX_DAMAGED packets in a row.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream = container, stream
        self.packets = 0  # of the container, so far
        self.start_s = 0.0  # presentation time of the first frame
        self.damaged = 0  # packets that were left out
        self.damaged_at: int | None = None  # frames before the first of them
        self.undecoded = 0  # good packets since the last frame: the decoder waits for a key frame
        self.failure: Exception | None = None
        self._error: Exception | None = None  # of the last packet that was left out
        self._frames = 0
        self._in_a_row = 0
        self._counts_frames = container.format.name == "avi"  # it has no times, and numbers packets as they are stored
        self._first_dts: int | None = None

    def __iter__(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            for frame in self._decode(packet):
                if not self._frames:
                    self.start_s = self.time_s(frame) or 0.0
                self._frames += 1
                self.undecoded = self._in_a_row = 0
                yield frame
            if self._in_a_row > MAX_DAMAGED:
                break
        if self.failure is None and (not self._frames or self._in_a_row > MAX_DAMAGED):
            self.failure = self._error

    def time_s(self, frame: av.VideoFrame) -> float | None:
        """The presentation time that the container gives; None where it has none."""
        if not self._counts_frames:
            return frame.time
        if frame.dts is None or frame.time_base is None:
            return None
        self._first_dts = frame.dts if self._first_dts is None else self._first_dts
        return float((frame.dts - self._first_dts) * frame.time_base)

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """All packets, the empty one at the end included, also where the container breaks off."""
        try:
            yield from self.container.demux(self.stream)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.failure = error
            yield None

    def _decode(self, packet: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        self.packets += packet is not None and packet.size > 0
        try:
            frames = self.stream.decode(packet)
        except av.error.EOFError:
            return []  # flushed already
        except av.error.FFmpegError as error:
            self._leave_out(error)
            return []
        self.undecoded += packet is not None and packet.size > 0
        return frames

    def _leave_out(self, error: Exception) -> None:
        if self.damaged_at is None:
            self.damaged_at = self._frames
        self.damaged += 1
        self._in_a_row += 1
        self._error = error
