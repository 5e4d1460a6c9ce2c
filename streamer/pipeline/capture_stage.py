"""The capture stage: frames of the source into the queues of the stages."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.channel import Channel
from streamer.events.types import SourceEvent
from streamer.pipeline.outputs import Outputs
from streamer.ports import Source
from streamer.rate_limit import FrameThrottle
from streamer.types import Frame


class CaptureStage:
    """Puts each frame into every queue; of a live source at most `max_fps` frames a second."""

    def __init__(
        self, source: Source, queues: Sequence[Channel[Frame]], outputs: Outputs, max_fps: float | None
    ) -> None:
        self._source, self._queues, self._outputs = source, queues, outputs
        self._throttle = FrameThrottle(max_fps) if max_fps is not None and source.live else None

    def run(self) -> None:
        """Until the source ends, or a queue is closed."""
        try:
            for item in self._source:
                if isinstance(item, SourceEvent):
                    self._outputs.put_event(item)
                else:
                    self._put(item)
        finally:
            for queue in self._queues:
                queue.close()
            self._source.close()

    def _put(self, frame: Frame) -> None:
        self._outputs.source_meter.capture(frame.captured_ns)
        if self._throttle is not None and not self._throttle.take(frame.captured_ns / 1e9):
            self._outputs.source_meter.skip()
            return
        for queue in self._queues:
            queue.put(frame)
