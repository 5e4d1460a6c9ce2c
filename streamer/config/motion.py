"""Settings of the masks between the model's frames."""

from __future__ import annotations

from pydantic import Field

from streamer.config.section import Section


class MotionSettings(Section):
    """Masks on the frames of a live source that the model has no time for; `tracking.exact` has none."""

    enabled: bool = Field(True, description="carry masks by optical flow to every frame")
    max_age: int = Field(
        30, ge=1, le=120, description="frames after which a mask that the model did not confirm is no longer shown"
    )
    step_ms: float = Field(
        100.0,
        gt=0,
        le=60_000,
        description="ms of a model step; beyond it a step takes only the objects that need the model most",
    )
    guide: bool = Field(True, description="an object's search window follows its motion between the model's frames")
