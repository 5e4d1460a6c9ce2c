"""The image encoder in 8-bit integers, by OpenVINO's own tool (NNCF); the graphs that remember stay in float32."""

from __future__ import annotations

import logging

import numpy as np
import openvino
from numpy.typing import NDArray

from streamer.edgetam.weights import Checkpoint

CALIBRATION = 24  # pictures from which the ranges of the activations are taken


def quantize(model: openvino.Model, checkpoint: Checkpoint) -> openvino.Model:
    """The encoder with integer weights and activations; it takes a minute."""
    import nncf

    logging.getLogger("nncf").setLevel(logging.WARNING)
    pictures = [pixels(seed, checkpoint) for seed in range(CALIBRATION)]
    return nncf.quantize(model, nncf.Dataset(pictures), subset_size=CALIBRATION)


def pixels(seed: int, checkpoint: Checkpoint) -> NDArray[np.float32]:
    """A random picture with the spectrum of natural ones (amplitude 1/f, Field 1987), normalised, 1 x 3 x S x S."""
    rng, size = np.random.default_rng(seed), checkpoint.size
    ways = np.fft.fftfreq(size)
    frequency = np.hypot(ways[:, None], ways[None, :])
    frequency[0, 0] = 1 / size
    waves = np.fft.fft2(rng.normal(size=(3, size, size))) / frequency
    picture = np.fft.ifft2(waves).real
    grey = picture.mean(axis=0)
    picture = 0.7 * grey + 0.3 * picture  # colours of one place are alike
    contrast = rng.uniform(0.1, 0.3)
    picture = (picture - picture.mean()) / picture.std() * contrast + rng.uniform(0.3, 0.7)
    mean, std = (np.array(values)[:, None, None] for values in (checkpoint.mean, checkpoint.std))
    return ((picture.clip(0, 1) - mean) / std)[None].astype(np.float32)
