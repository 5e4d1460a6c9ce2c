"""Objects that move in front of a fixed camera, found without a model."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from streamer.types import Detection, Frame

WIDTH = 320  # of the frame in which motion is detected: enough for it, and fast enough for any camera
HISTORY_FRAMES = 300  # an object that stands still for this long becomes background
WARM_UP_FRAMES = 60  # until the background is learned without what moved at first
SHADOW = 127  # OpenCV's value for a shadow, which is not an object


class Motion:
    """OpenCV's background subtraction (MOG2); it has to see every frame."""

    def __init__(self, *, min_area: float = 0.002) -> None:
        """`min_area` is the share of the frame below which motion is noise."""
        self._background = cv2.createBackgroundSubtractorMOG2(history=HISTORY_FRAMES, detectShadows=True)
        self._min_area = min_area
        self._seen = 0
        self._epoch: int | None = None
        self._moving = np.zeros((1, 1), np.uint8)

    def see(self, frame: Frame) -> None:
        """Learn the background; after a gap of the source, anew."""
        if self._epoch not in (None, frame.epoch):
            self.__init__(min_area=self._min_area)  # type: ignore[misc]
        self._epoch = frame.epoch
        small = cv2.resize(frame.image, (WIDTH, max(1, WIDTH * frame.height // frame.width)))
        moving = (self._background.apply(small) > SHADOW).astype(np.uint8)
        whole = cv2.morphologyEx(cv2.medianBlur(moving, 5), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        self._moving = whole
        self._seen += 1

    def find(self, frame: Frame) -> Sequence[Detection]:
        """What moves now, the largest first; its score is how much of its box moves."""
        if self._seen < WARM_UP_FRAMES:
            return ()
        height, width = self._moving.shape
        sx, sy = frame.width / width, frame.height / height
        _, _, stats, _ = cv2.connectedComponentsWithStats(self._moving)
        found = []
        for x, y, w, h, area in sorted((tuple(map(int, row)) for row in stats[1:]), key=lambda row: -row[4]):
            if area >= self._min_area * height * width:
                found.append(Detection((x * sx, y * sy, (x + w) * sx, (y + h) * sy), area / (w * h), "motion"))
        return found
