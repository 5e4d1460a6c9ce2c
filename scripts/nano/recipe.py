"""What one training of nano is: its stages, its losses, and where it begins."""

from __future__ import annotations

from dataclasses import dataclass

from nano.losses import Loss


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps of stills and of clips of 4, 8 and 14 frames, and the learning rates at their ends."""

    steps: tuple[int, int, int, int]
    rates: tuple[float, float, float, float, float]
    mixture: str = "usual"  # of `nano.clips.MIXTURES`
    loss: Loss = Loss()  # noqa: RUF009 - frozen
    warmup: int = 200  # steps
    tunes_backbone: bool = True
    seed: int = 1


RECIPES = {
    "first": Recipe((1500, 4000, 2000, 800), (6e-4, 5e-4, 2e-4, 8e-5, 5e-6)),
    # what is shipped is 0.3 of this one's weights, see the model card
    "second": Recipe((700, 500, 900, 600), (1.5e-4, 1.5e-4, 1e-4, 5e-5, 2e-6)),
    # not shipped: more absence, and a predicted IoU that is honest about it
    "third": Recipe(
        (0, 0, 420, 160),
        (1e-4, 1e-4, 1e-4, 4e-5, 2e-6),
        mixture="absent",
        loss=Loss(absent_weight=4.0, squared_iou=2.5),
        warmup=50,
        tunes_backbone=False,
        seed=7,
    ),
}
