from types import SimpleNamespace
from typing import Any

import numpy as np

from streamer.config.stills import GridSettings
from streamer.edgetam.automatic import AutomaticMasks
from streamer.edgetam.model_info import MASK_GENERATION


class Unsure:
    """A segmenter whose candidates are a square with this predicted IoU, and soft borders."""

    runtime = SimpleNamespace(info=SimpleNamespace(automatic_masks=MASK_GENERATION))

    def embed(self, images):
        return [None for _ in images]

    def at_points(self, _embedded, points):
        logits = np.full((len(points), 3, 16, 16), -8.0, np.float32)
        logits[:, :, 4:12, 4:12] = 0.5
        logits[:, :, 5:11, 5:11] = 8.0
        ious = np.tile(np.array([0.2, 0.71, 0.5], np.float32), (len(points), 1))
        return logits, ious


def test_where_no_object_is_found_the_best_candidate_is_named():
    segmenter: Any = Unsure()
    automatic = AutomaticMasks(segmenter, GridSettings(points_per_side=2))
    assert automatic.find(np.zeros((32, 32, 3), np.uint8)) == ()
    assert automatic.best_candidate == (
        "the best candidate has a predicted IoU of 0.71 (more than 0.88) and a stability of 0.56 (more than 0.95)"
    )
