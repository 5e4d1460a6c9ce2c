"""Where the points of the newest frame were in an earlier one: flows in a row, composed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.motion.flow import Flow, FlowEstimator, Grey, places


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """For each point of a frame its place in an earlier frame, `age` frames before."""

    origin_hw3: NDArray[np.float32]  # x and y of the place, and 1 where the flow agreed with itself all the way
    age: int

    @classmethod
    def start(cls, height: int, width: int) -> Path:
        """From a frame to itself."""
        return cls(np.dstack((places(height, width), np.ones((height, width), np.float32))), 0)

    def then(self, flow: Flow) -> Path:
        """The path from one frame later."""
        sources = places(*flow.agrees_hw.shape) + flow.backward_hw2
        if self.age == 0:
            return Path(np.dstack((sources, flow.agrees_hw)), 1)
        origin = cv2.remap(self.origin_hw3, sources, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        origin[..., 2] *= flow.agrees_hw
        return Path(origin, self.age + 1)


class FlowHistory:
    """The last frames as small grey images, numbered from 0; flows between them are estimated when they are needed.

    `depth` frames are kept, so that memory is bounded.
    """

    def __init__(self, estimator: FlowEstimator, depth: int) -> None:
        self._estimator = estimator
        self._greys: deque[Grey] = deque(maxlen=depth + 1)
        self._flows: dict[int, Flow] = {}  # by the number of the frame that each leads to
        self._paths: dict[int, Path] = {}  # by the number of the frame that each leads back to
        self._count = 0

    @property
    def newest(self) -> int:
        """The number of the newest frame; -1 before the first."""
        return self._count - 1

    def append(self, grey: Grey) -> None:
        self._greys.append(grey)
        self._count += 1
        for number in [each for each in self._flows if each <= self._oldest]:
            del self._flows[number]

    def clear(self) -> None:
        """The next frame has nothing in common with those before."""
        self._greys.clear()
        self._flows.clear()
        self._paths.clear()

    def path(self, since: int) -> Path | None:
        """The path from the newest frame back to that one; None where it is no longer kept, or not there yet."""
        if not self._oldest <= since <= self.newest:
            return None
        path = self._paths.get(since) or Path.start(*self._greys[-1].shape)
        for number in range(since + path.age + 1, self._count):
            path = path.then(self._flow(number))
        self._paths[since] = path
        return path

    def keep_paths(self, since: Collection[int]) -> None:
        """Forget all other paths."""
        self._paths = {number: path for number, path in self._paths.items() if number in since}

    @property
    def _oldest(self) -> int:
        return self._count - len(self._greys)

    def _flow(self, number: int) -> Flow:
        """The flow that leads to a frame."""
        if number not in self._flows:
            at = number - self._oldest
            self._flows[number] = self._estimator.flow(self._greys[at - 1], self._greys[at])
        return self._flows[number]
