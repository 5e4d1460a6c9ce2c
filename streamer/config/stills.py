"""Settings of still images: `streamer segment` and `open_segmenter`."""

from __future__ import annotations

from pydantic import Field

from streamer.config.section import Section

SEGMENT_MEMORY_MB = 2048.0


class GridSettings(Section):
    """Where `segment --auto` clicks, and which masks it keeps; the defaults are transformers' `mask-generation`'s."""

    points_per_side: int = Field(32, ge=1, le=256, description="points of the grid in a row")
    points_at_a_time: int = Field(64, ge=1, le=4096)
    predicted_iou: float = Field(
        0.88, ge=0, le=1, description="the model's own estimate of a mask's IoU, above which it is kept"
    )
    stability: float = Field(
        0.95,
        ge=0,
        le=1,
        description="IoU of a mask at thresholds `stability_offset` above and below 0, above which it is kept",
    )
    stability_offset: float = Field(1.0, ge=0, le=100)
    box_nms: float = Field(0.7, ge=0, le=1, description="of two masks whose boxes overlap more, the better is kept")
    crop_layers: int = Field(0, ge=0, le=4, description="layer n looks again at 4^n overlapping crops of the image")
    crop_overlap: float = Field(
        512 / 1500, ge=0, le=1, description="of the first layer's crops, in the image's shorter side"
    )
    crop_points_downscale: int = Field(
        1, ge=1, le=16, description="layer n has points_per_side / this^n points in a row"
    )
    min_area: int = Field(
        0, ge=0, le=10**9, description="pixels below which masks, and islands and holes of masks, are dropped"
    )


class SegmentSettings(Section):
    """Masks on still images."""

    grid: GridSettings = Field(default_factory=GridSettings)
    memory_mb: float = Field(SEGMENT_MEMORY_MB, ge=1, le=1e7, description="memory for what is computed at a time")
