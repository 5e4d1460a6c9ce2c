"""Privacy: objects, or everything else, are hidden in every frame before any sink gets it.

It fails closed: what may be in a frame and cannot be placed hides the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.config.settings import PrivacySettings
from streamer.errors import UsageError
from streamer.masks import Mask, PixelBox
from streamer.types import Frame, Track, TrackResult

Image = NDArray[np.uint8]
BLOCKS = 24  # of pixels along the frame's longer side, with blur and pixels: too few to recognise a face in
UNSURE = 0.5  # predicted IoU below which the object's whole box is hidden as well


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where an object was seen last."""

    box: PixelBox
    epoch: int
    time_ns: int


class PrivacyFilter:
    """Hides parts of each result's frame. Owned by the tracking thread; give it every result, in order."""

    def __init__(self, settings: PrivacySettings) -> None:
        """Raises UsageError where the background cannot be read."""
        self._settings = settings
        self._fill = _filler(settings)
        self._seen: dict[int, _Seen] = {}

    def apply(self, result: TrackResult) -> TrackResult:
        """The result with a frame in which nothing private is left."""
        hidden = self.hidden(result)
        if not hidden.any():
            return result
        image = np.where(hidden[..., None], self._fill(result.frame.image), result.frame.image)
        image.flags.writeable = False
        return replace(result, frame=replace(result.frame, image=image, jpegs={}))

    def hidden(self, result: TrackResult) -> Mask:
        """The pixels to hide, H x W."""
        frame = result.frame
        self._remember(result)
        if self._settings.hide == "all-but-objects":
            shown = _nothing(frame)
            for track in result.tracks:
                if track.state == "tracked":
                    shown |= self._dilated(track)
            return ~shown
        if not result.tracks and not self._settings.show_without_objects:
            return ~_nothing(frame)
        hidden = _nothing(frame)
        for track in result.tracks:
            self._cover(hidden, track, result)
        return hidden

    def _remember(self, result: TrackResult) -> None:
        present = {track.object_id for track in result.tracks}
        self._seen = {number: seen for number, seen in self._seen.items() if number in present}
        for track in result.tracks:
            if track.state == "tracked" and track.box is not None:
                self._seen[track.object_id] = _Seen(track.box, result.frame.epoch, result.time_ns)

    def _cover(self, hidden: Mask, track: Track, result: TrackResult) -> None:
        """Hide one object: its mask, or around its last box for `max_age_ms`, or the whole frame."""
        seen = self._seen.get(track.object_id)
        if track.state == "tracked" and track.box is not None:
            hidden |= self._dilated(track)
            if track.predicted_iou < UNSURE:
                _fill_box(hidden, track.box, self._settings.margin)
            return
        age = 1.0 if seen is None else (result.time_ns - seen.time_ns) / 1e6 / self._settings.max_age_ms
        if seen is None or seen.epoch != result.frame.epoch or age >= 1:
            hidden[:] = True
        else:
            _fill_box(hidden, seen.box, self._settings.margin + 0.5 + age)

    def _dilated(self, track: Track) -> Mask:
        """The mask and a margin around it."""
        if track.box is None:
            return track.mask
        x0, y0, x1, y1 = track.box
        margin = round(self._settings.margin * max(x1 - x0, y1 - y0))
        if margin == 0:
            return track.mask
        height, width = track.mask.shape
        part = np.s_[max(y0 - margin, 0) : min(y1 + margin, height), max(x0 - margin, 0) : min(x1 + margin, width)]
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        mask = np.zeros_like(track.mask)
        mask[part] = cv2.dilate(track.mask[part].view(np.uint8), kernel) > 0
        return mask


def _nothing(frame: Frame) -> Mask:
    return np.zeros((frame.height, frame.width), np.bool_)


def _fill_box(mask: Mask, box: PixelBox, margin: float) -> None:
    """Set a box, widened on each side by `margin` times its longer side."""
    x0, y0, x1, y1 = box
    wider = round(margin * max(x1 - x0, y1 - y0))
    mask[max(y0 - wider, 0) : y1 + wider, max(x0 - wider, 0) : x1 + wider] = True


def _filler(settings: PrivacySettings) -> Callable[[Image], Image]:
    """What is shown in place of hidden pixels: a function from the frame's image to another of its size."""
    match settings.style:
        case "blur":
            return lambda image: _coarse(image, cv2.INTER_LINEAR)
        case "pixels":
            return lambda image: _coarse(image, cv2.INTER_NEAREST)
        case "background" if settings.background is not None:
            background = _read(settings.background)
            return lambda image: cv2.resize(background, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)
        case _:
            colour = np.array([int(settings.colour[at : at + 2], 16) for at in (1, 3, 5)], np.uint8)
            return lambda image: np.broadcast_to(colour, image.shape)


def _coarse(image: Image, interpolation: int) -> Image:
    """The image with a few blocks of pixels along its longer side, which nobody can sharpen again."""
    height, width = image.shape[:2]
    block = max(height, width) / BLOCKS
    small = cv2.resize(
        image, (max(1, round(width / block)), max(1, round(height / block))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=interpolation), np.uint8)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UsageError(f"privacy.background: {path} is not an image that can be read; give a PNG or JPEG file")
    return np.asarray(image[..., ::-1], np.uint8)
