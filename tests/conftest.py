"""What tests share: small frames, the embedded tracker, loaded once."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may wait for a hub

import numpy as np
import pytest

from streamer.edgetam.weights import Checkpoint, load
from streamer.types import Frame
from streamer.video.scene import Scene, SceneSettings


@pytest.fixture(scope="session")
def nano() -> Checkpoint:
    return load("nano")


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene(SceneSettings(seed=2, objects=3))


@pytest.fixture
def frame() -> Frame:
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return Frame.from_image(image, index=7)
