"""Still images to be worked on, and one of them that is refined click by click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.edgetam.image import ImageSegmenter, Segment
from streamer.edgetam.still_encoder import Embedded
from streamer.masks import overlay
from streamer.types import Box, Prompt, Track

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One image and what is known of the objects in it."""

    path: Path
    image: Image
    prompts: Sequence[Prompt] = ()
    labels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of the objects so far."""

    prompts: tuple[Prompt, ...] = ()
    segments: tuple[Segment, ...] = ()
    current: int = 1


@dataclass(slots=True)
class Session:
    """One image under refinement; the embedding is made once, and a step costs the decoder alone."""

    segmenter: ImageSegmenter
    image: Embedded
    steps: list[Step] = field(default_factory=lambda: [Step()])

    @property
    def now(self) -> Step:
        return self.steps[-1]

    def click(self, x: float, y: float, label: int) -> None:
        """Raises CommandError for a click outside the image."""
        before = self._before()
        if before is None:
            self._decode(Prompt(self.now.current, points=((x, y),), labels=(label,)))
        else:
            self._decode(replace(before, points=(*before.points, (x, y)), labels=(*before.labels, label)))

    def box(self, box: Box) -> None:
        before = self._before()
        if before is None:
            self._decode(Prompt(self.now.current, box=box))
        else:
            self._decode(replace(before, box=box))

    def new(self) -> None:
        """What follows is about another object."""
        ids = [prompt.known_id for prompt in self.now.prompts]
        self.steps.append(replace(self.now, current=max(ids, default=0) + 1))

    def undo(self) -> bool:
        """Back by one step; false at the beginning."""
        if len(self.steps) == 1:
            return False
        self.steps.pop()
        return True

    def _before(self) -> Prompt | None:
        return next((prompt for prompt in self.now.prompts if prompt.object_id == self.now.current), None)

    def _decode(self, prompt: Prompt) -> None:
        now, current = self.now, self.now.current
        earlier = {segment.object_id: segment for segment in now.segments}
        (found,) = self.segmenter.segment(self.image, [prompt], previous=earlier)
        prompts = (*(p for p in now.prompts if p.object_id != current), prompt)
        segments = (*(s for s in now.segments if s.object_id != current), found)
        self.steps.append(Step(prompts, segments, current))


def drawn(image: Image, session: Session) -> Image:
    """The image with the masks so far."""
    tracks = [Track(s.object_id, s.mask, s.box, s.score, s.score, "tracked") for s in session.now.segments]
    return overlay(image, tracks)
