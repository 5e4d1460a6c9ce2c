"""The image encoder in 8-bit integers, by OpenVINO's own tool (NNCF); the graphs that remember stay in float32."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray

from streamer.edgetam.weights import Checkpoint
from streamer.video.scene import Scene, SceneSettings

CALIBRATION = "scenes 1"  # what follows; change it with them, and what was quantized before is not used again
IMAGES = 100  # from which the ranges of the activations are taken
IMAGE_SIZE = (640, 360)
SHARES = (1.0, 0.5, 0.3)  # of the image's sides: what windows show is calibrated for, too


def quantize(model: openvino.Model, checkpoint: Checkpoint) -> openvino.Model:
    """The encoder with integer weights and activations; it takes some ten seconds.

    Weights are symmetric and activations are not, since RepViT's activations are not.
    """
    import nncf

    logging.getLogger("nncf").setLevel(logging.WARNING)
    images = [pixels(seed, checkpoint) for seed in range(IMAGES)]
    mixed = nncf.QuantizationPreset.MIXED
    return nncf.quantize(model, nncf.Dataset(images), subset_size=IMAGES, preset=mixed)


def pixels(seed: int, checkpoint: Checkpoint) -> NDArray[np.float32]:
    """A part of a synthetic scene as the encoder gets it, 1 x 3 x S x S.

    Noise with the spectrum of natural images was tried: J&F on `vos-dev` was 6 points lower than of float32.
    """
    rng, (width, height), side = np.random.default_rng(seed), IMAGE_SIZE, checkpoint.size
    image, _ = Scene(SceneSettings(seed=seed, objects=3, width=width, height=height)).draw(seed)
    share = rng.choice(SHARES)
    w, h = int(width * share), int(height * share)
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    square = cv2.resize(image[y : y + h, x : x + w], (side, side), interpolation=cv2.INTER_AREA)
    mean, std = (np.array(values)[:, None, None] for values in (checkpoint.mean, checkpoint.std))
    return ((square.transpose(2, 0, 1) / 255 - mean) / std)[None].astype(np.float32)
