"""What tests share: small frames, the synthetic scene, and the embedded checkpoint, loaded once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may wait for a hub

import numpy as np
import pytest

from streamer.types import Frame
from streamer.video.scene import Scene, SceneSettings

if TYPE_CHECKING:
    from streamer.edgetam.weights import Checkpoint


@pytest.fixture(scope="session")
def nano() -> Checkpoint:
    from streamer.edgetam.weights import load  # here, so that tests/unit imports no torch

    return load("nano")


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene(SceneSettings(seed=2, objects=3))


@pytest.fixture
def frame() -> Frame:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return Frame.from_image(image, index=7)
