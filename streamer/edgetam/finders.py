"""Models that find things to track: EdgeTAM's own automatic masks, or a detector."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.config.settings import DETECTOR_MIN_SCORE
from streamer.edgetam import hub
from streamer.edgetam.automatic import AutomaticMasks
from streamer.errors import ModelError, UsageError
from streamer.types import Detection, Frame

log = logging.getLogger(__name__)


class AutomaticFinder:
    """Everything that EdgeTAM sees."""

    def __init__(self, masks: AutomaticMasks) -> None:
        self._masks = masks
        self._said = False  # once is enough

    def find(self, frame: Frame) -> Sequence[Detection]:
        segments = self._masks.find(frame.image)
        if not segments and not self._said:
            self._said = True
            log.warning("%s: nothing to track; %s: lower find.min_score", frame.source, self._masks.best_candidate)
        return [Detection(tuple(map(float, s.box)), s.score) for s in segments if s.box is not None]  # type: ignore[arg-type]


class Detector:
    """Boxes of a transformers object-detection or zero-shot-object-detection checkpoint.

    `labels` are those wanted; a zero-shot checkpoint is asked for them and cannot do without. Raises ModelError where
    the checkpoint cannot be loaded or detects nothing, UsageError for labels that it does not know.
    """

    def __init__(
        self, model: str, labels: Sequence[str] = (), *, threshold: float = DETECTOR_MIN_SCORE, device: str = "cpu"
    ) -> None:
        from transformers import AutoConfig, pipeline
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES as DETECTORS,
        )
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES as ZERO_SHOT,
        )

        from streamer.edgetam.weights import quiet

        try:
            config: Any = AutoConfig.from_pretrained(
                model, local_files_only=not Path(model).is_dir() and not hub.answers()
            )
            if config.model_type not in (*DETECTORS, *ZERO_SHOT):
                raise ModelError(f"detector {model!r}: a {config.model_type} model detects no objects")
            self._asks = config.model_type in ZERO_SHOT
            task = "zero-shot-object-detection" if self._asks else "object-detection"
            with quiet():
                self._pipeline: Any = pipeline(task, model=model, device=device)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"detector {model!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        known = sorted(set(config.id2label.values()))
        if self._asks and not labels:
            raise UsageError(f"detector {model!r} finds what it is asked for; give --labels cat,dog")
        if not self._asks and (unknown := [label for label in labels if label not in known]):
            raise UsageError(f"detector {model!r} knows no {unknown[0]!r}; it knows {', '.join(known[:20])}")
        self._labels, self._threshold = list(labels), threshold

    def find(self, frame: Frame) -> Sequence[Detection]:
        return self.detect(frame.image)

    def detect(self, image_hwc_rgb: NDArray[np.uint8]) -> list[Detection]:
        """Boxes with labels and scores, the surest first."""
        from PIL import Image

        asked = {"candidate_labels": self._labels} if self._asks else {}
        answers = self._pipeline(Image.fromarray(image_hwc_rgb), threshold=self._threshold, **asked)
        wanted = [a for a in answers if self._asks or not self._labels or a["label"] in self._labels]
        corners = [tuple(float(a["box"][side]) for side in ("xmin", "ymin", "xmax", "ymax")) for a in wanted]
        found = [Detection(box, float(a["score"]), a["label"]) for a, box in zip(wanted, corners, strict=True)]  # type: ignore[arg-type]
        return sorted((one for one in found if one.box[0] < one.box[2] and one.box[1] < one.box[3]), key=_unsure)


def _unsure(found: Detection) -> float:
    return -found.score
