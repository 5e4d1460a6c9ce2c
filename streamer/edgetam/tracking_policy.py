"""Which tracking settings apply to a model."""

from __future__ import annotations

from streamer.config.settings import TrackingSettings

SMALL_INPUT = 384  # pixels: models up to that size need search windows to see small objects


def effective(tracking: TrackingSettings, input_size: int) -> TrackingSettings:
    """The settings with `extensions` decided for a model's input size in pixels; without them there is no zoom."""
    wanted = tracking.extensions or (tracking.extensions is None and input_size <= SMALL_INPUT)
    if wanted and not tracking.exact:
        return tracking.model_copy(update={"extensions": True})
    return tracking.model_copy(update={"extensions": False, "zoom": None})
