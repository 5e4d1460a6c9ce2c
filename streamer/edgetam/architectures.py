"""Which of transformers' models can be run: EdgeTAM everywhere, and its kin with `--runtime transformers`."""

from __future__ import annotations

from collections.abc import Mapping

from streamer.errors import ModelError

EDGETAM = {"edgetam_video": "EdgeTamVideo", "edgetam": "EdgeTamVideo"}  # transformers' classes by model type
SAME_INTERFACE = EDGETAM | {
    "sam2_video": "Sam2Video",
    "sam2": "Sam2Video",
    "sam3_tracker_video": "Sam3TrackerVideo",
    "sam3_video": "Sam3TrackerVideo",
}


def architecture_of(name: str, model_type: str | None, architectures: Mapping[str, str]) -> str:
    """The prefix of transformers' classes for a model type; raises ModelError for one that cannot be run."""
    if model_type is not None and model_type in architectures:
        return architectures[model_type]
    if model_type in SAME_INTERFACE:
        raise ModelError(f"model {name}: it is a {model_type!r}, not an EdgeTAM; it runs with --runtime transformers")
    raise ModelError(f"model {name}: it is a {model_type!r}, not an EdgeTAM")
