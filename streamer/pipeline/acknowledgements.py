"""Answers to requests that took effect."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.types import Ack, Frame, Request


@dataclass(frozen=True, slots=True, eq=False)
class Acknowledgements:
    """Requests that took effect on a frame, with the ids of their prompts."""

    frame: Frame | None
    requests: tuple[tuple[Request, tuple[int, ...]], ...] = ()

    def send(self, shown: Frame | None = None) -> None:
        """Name `shown`, the first frame whose result holds the effect; by default the frame itself."""
        frame = shown or self.frame
        for request, object_ids in self.requests:
            assert frame is not None
            request.reply(Ack(None, frame.index, frame.epoch, object_ids))


NOTHING = Acknowledgements(None)
