"""Dense optical flow between successive frames, on small grey images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 320  # pixels of the grey images
MIN_SIDE = 64  # of them: DIS needs some pixels at its coarsest scale
FINEST, FINEST_OF_CHECK = 1, 2  # scales of DIS: fields at half and a quarter of the image's size, enlarged
TOLERANCE_PX, TOLERANCE_SHARE = 2.0, 0.1  # by which a point may miss itself, plus a share of its displacement

Grey = NDArray[np.uint8]  # h x w
Field = NDArray[np.float32]  # h x w x 2: x and y of displacements, in pixels of the grey image


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What moved between two grey images."""

    backward_hw2: Field  # from each point of the newer image to its place in the older one
    agrees_hw: NDArray[np.float32]  # 1 where the flow forward returns to the point, 0 elsewhere


class FlowEstimator:
    """DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016), as in OpenCV, without its
    variational refinement, which smooths fields across the rims of objects. Not for use from two threads.
    """

    def __init__(self) -> None:
        self._backward, self._forward = _dis(FINEST), _dis(FINEST_OF_CHECK)

    def flow(self, older: Grey, newer: Grey) -> Flow:
        """The flow between two images of one size."""
        backward: Field = self._backward.calc(newer, older, None)
        forward: Field = self._forward.calc(older, newer, None)
        return Flow(backward, agreement(backward, forward))


def _dis(finest_scale: int) -> Any:
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    dis.setFinestScale(finest_scale)
    return dis


def grey_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the grey image of a frame: its shape is kept, but a side has at least MIN_SIDE pixels."""
    return max(MIN_SIDE, round(height * WIDTH / width)), WIDTH


def grey_of(image_hwc_rgb: NDArray[np.uint8]) -> Grey:
    """A small grey image of an RGB image."""
    height, width = grey_size(*image_hwc_rgb.shape[:2])
    small = cv2.resize(image_hwc_rgb, (width, height), interpolation=cv2.INTER_AREA)
    grey: Grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return grey


@lru_cache(maxsize=8)
def places(height: int, width: int) -> Field:
    """The x and y of each pixel; read-only."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.dstack((x, y))
    grid.flags.writeable = False
    return grid


def agreement(backward: Field, forward: Field) -> NDArray[np.float32]:
    """1 for points that the backward and then the forward flow bring back to where they were, 0 for others."""
    sources = places(*backward.shape[:2]) + backward
    there_and_back = backward + cv2.remap(forward, sources, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = cv2.magnitude(there_and_back[..., 0], there_and_back[..., 1])
    allowed = TOLERANCE_PX + TOLERANCE_SHARE * cv2.magnitude(backward[..., 0], backward[..., 1])
    return (missed < allowed).astype(np.float32)
