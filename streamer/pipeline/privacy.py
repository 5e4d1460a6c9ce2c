"""Privacy: objects, or everything else, are hidden in every frame before any sink gets it.

It fails closed: what may be in a frame and cannot be placed hides the whole frame.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.config.settings import PrivacySettings
from streamer.errors import UsageError
from streamer.masks import Mask, PixelBox, box_of
from streamer.types import Frame, Track, TrackResult

Image = NDArray[np.uint8]
Part = tuple[slice, slice]  # rows and columns
BLOCKS = 24  # of pixels along the frame's longer side, with blur and pixels: too few to recognise a face in
UNSURE = 0.5  # predicted IoU below which the whole box is hidden too; confidence below which a carried mask is none
MAX_FRAMES = 1024  # whose times are known, to tell how old a carried mask is


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where an object was seen last, and when the model saw it there."""

    box: PixelBox
    epoch: int
    model_ns: int


class PrivacyFilter:
    """Hides parts of each result's frame. Owned by the tracking thread; give it every result, in order."""

    def __init__(self, settings: PrivacySettings) -> None:
        """Raises UsageError where the background cannot be read."""
        self._settings = settings
        self._fill = _filler(settings)
        self._seen: dict[int, _Seen] = {}
        self._times: deque[tuple[int, int]] = deque(maxlen=MAX_FRAMES)  # index and time of each frame

    def apply(self, result: TrackResult) -> TrackResult:
        """The result with a frame in which nothing private is left."""
        hidden = self.hidden(result)
        box = box_of(hidden)
        if box is None:
            return result
        x0, y0, x1, y1 = box
        part = np.s_[y0:y1, x0:x1]
        image = result.frame.image.copy()
        filling = np.ascontiguousarray(self._fill(result.frame.image, part))
        cv2.copyTo(filling, hidden[part].astype(np.uint8), image[part])
        image.flags.writeable = False
        return replace(result, frame=replace(result.frame, image=image))

    def hidden(self, result: TrackResult) -> Mask:
        """The pixels to hide, H x W."""
        frame = result.frame
        self._remember(result)
        if self._settings.hide == "all-but-objects":
            shown = _nothing(frame)
            for track in result.tracks:
                if self._is_placed(track, result):
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
        self._times.append((result.frame.index, result.time_ns))
        self._seen = {number: seen for number, seen in self._seen.items() if number in present}
        for track in result.tracks:
            if track.state == "tracked" and track.box is not None and track.confidence >= UNSURE:
                self._seen[track.object_id] = _Seen(track.box, result.frame.epoch, self._model_ns(track, result))

    def _model_ns(self, track: Track, result: TrackResult) -> int:
        """When the frame was captured on which the model found the mask; the oldest known frame if it was earlier."""
        index = result.frame.index - track.age
        return next((time_ns for known, time_ns in self._times if known >= index), result.time_ns)

    def _age(self, track: Track, result: TrackResult) -> float:
        """Time since the model saw the object, as a share of `max_age_ms`; infinite where it is not known."""
        seen = self._seen.get(track.object_id)
        if seen is None or seen.epoch != result.frame.epoch:
            return math.inf
        return (result.time_ns - seen.model_ns) / 1e6 / self._settings.max_age_ms

    def _is_placed(self, track: Track, result: TrackResult) -> bool:
        """Whether the mask shows where the object is now."""
        is_fresh = track.mask_from == "model" or (track.confidence >= UNSURE and self._age(track, result) < 1)
        return track.state == "tracked" and track.box is not None and is_fresh

    def _cover(self, hidden: Mask, track: Track, result: TrackResult) -> None:
        """Hide one object: its mask, or around its last box for `max_age_ms`, or the whole frame."""
        if self._is_placed(track, result):
            hidden |= self._dilated(track)
            if track.predicted_iou < UNSURE and track.box is not None:
                _fill_box(hidden, track.box, self._settings.margin)
        elif (age := self._age(track, result)) < 1:
            _fill_box(hidden, self._seen[track.object_id].box, self._settings.margin + 0.5 + age)
        else:
            hidden[:] = True

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
        mask = np.zeros_like(track.mask)
        outside = (~track.mask[part]).astype(np.uint8)
        mask[part] = cv2.distanceTransform(outside, cv2.DIST_L2, 3) <= margin
        return mask


def no_filter(result: TrackResult) -> TrackResult:
    """Nothing is hidden."""
    return result


def _nothing(frame: Frame) -> Mask:
    return np.zeros((frame.height, frame.width), np.bool_)


def _fill_box(mask: Mask, box: PixelBox, margin: float) -> None:
    """Set a box, widened on each side by `margin` times its longer side."""
    x0, y0, x1, y1 = box
    wider = round(margin * max(x1 - x0, y1 - y0))
    mask[max(y0 - wider, 0) : y1 + wider, max(x0 - wider, 0) : x1 + wider] = True


def _filler(settings: PrivacySettings) -> Callable[[Image, Part], Image]:
    """What is shown in place of hidden pixels: from the frame's image and a part of it to an image of that part."""
    match settings.style:
        case "blur":
            return lambda image, part: _coarse(image, part, cv2.INTER_LINEAR)
        case "pixels":
            return lambda image, part: _coarse(image, part, cv2.INTER_NEAREST)
        case "background" if settings.background is not None:
            background = _read(settings.background)
            return lambda image, part: cv2.resize(background, image.shape[1::-1], interpolation=cv2.INTER_AREA)[part]
        case _:
            colour = np.array([int(settings.colour[at : at + 2], 16) for at in (1, 3, 5)], np.uint8)
            return lambda image, part: np.broadcast_to(colour, image[part].shape)


def _coarse(image: Image, part: Part, interpolation: int) -> Image:
    """The part in blocks so large that nobody can sharpen it again."""
    block = max(image.shape[:2]) / BLOCKS
    height, width = image[part].shape[:2]
    small = cv2.resize(
        image[part], (max(1, round(width / block)), max(1, round(height / block))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=interpolation), np.uint8)


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UsageError(f"privacy.background: {path} is not an image that can be read; give a PNG or JPEG file")
    return np.asarray(image[..., ::-1], np.uint8)
