"""What a tracker needs to know of a model beside its graphs: no weights, and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The numbers of one model at one input size."""

    name: str
    size: int  # side of the model's square input
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    memories: int  # of one object that are read on a frame, a prompted one among them
    pointers: int
    max_conditioning: int  # prompted frames that are read on one frame; -1: all
    multimask_points: tuple[int, int]  # least and most points of a prompt that is decoded to candidates; (1, 0): none
    no_memory: tuple[float, ...]  # added to the image's features where an object has no memory yet
    weights: str  # a fingerprint
    device: str = "cpu"
    dtype: str = "float32"

    @property
    def logits_size(self) -> int:
        """Side of the masks that the model finds, in pixels."""
        return self.size // 4

    def gives_candidates(self, points: int) -> bool:
        """Whether this number of points is ambiguous, so that the best of three masks is taken."""
        least, most = self.multimask_points
        return least <= points <= most

    def named(self, name: str) -> ModelInfo:
        return replace(self, name=name)

    def to_json(self) -> dict[str, Any]:
        """As `settings.json` of an export holds it; device and dtype are the runtime's."""
        described = asdict(self) | {"model": self.name}
        return {key: value for key, value in described.items() if key not in ("name", "device", "dtype")}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ModelInfo:
        """Raises KeyError or TypeError where a number is missing."""
        return cls(
            name=described["model"],
            size=int(described["size"]),
            mean=_three(described["mean"]),
            std=_three(described["std"]),
            memories=int(described["memories"]),
            pointers=int(described["pointers"]),
            max_conditioning=int(described["max_conditioning"]),
            multimask_points=(int(described["multimask_points"][0]), int(described["multimask_points"][1])),
            no_memory=tuple(map(float, described["no_memory"])),
            weights=str(described["weights"]),
        )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def info_of(checkpoint: Any, weights: str = "") -> ModelInfo:
    """Of a loaded `Checkpoint`; `weights` is its fingerprint, where it is known."""
    config = checkpoint.model.config
    ambiguous = bool(config.multimask_output_in_sam)
    points = (config.multimask_min_pt_num, config.multimask_max_pt_num) if ambiguous else (1, 0)
    return ModelInfo(
        name=checkpoint.name,
        size=checkpoint.size,
        mean=checkpoint.mean,
        std=checkpoint.std,
        memories=config.num_maskmem,
        pointers=config.max_object_pointers_in_encoder,
        max_conditioning=config.max_cond_frame_num,
        multimask_points=points,
        no_memory=tuple(checkpoint.model.no_memory_embedding.flatten().tolist()),
        weights=weights,
        device=str(checkpoint.device),
        dtype=str(checkpoint.dtype).removeprefix("torch."),
    )
