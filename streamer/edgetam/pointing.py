"""What a user's prompt says of where its object is."""

from __future__ import annotations

from streamer.edgetam.search_window import Box, around
from streamer.masks import box_of
from streamer.types import Prompt


def clicks_on(prompt: Prompt) -> list[tuple[float, float]]:
    """Where a user said that the object is."""
    return [point for point, label in zip(prompt.points, prompt.labels, strict=True) if label == 1]


def pointed_at(prompt: Prompt) -> Box | None:
    """The box around everything that a user called the object; None where only what it is not was shown."""
    box = prompt.box if prompt.mask is None else box_of(prompt.mask)
    clicks = clicks_on(prompt)
    return around(box, clicks) if box is not None or clicks else None


def has_clicks_alone(prompt: Prompt) -> bool:
    """Whether nothing says how large the object is."""
    return prompt.box is None and prompt.mask is None and 1 in prompt.labels
