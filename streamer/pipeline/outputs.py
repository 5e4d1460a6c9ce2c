"""What comes out of a pipeline: results, the model's results, and events, to every sink and to the meter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from streamer.config.settings import PrivacySettings, ZoneSettings
from streamer.events.object_state import ObjectStates
from streamer.events.types import Event, SourceEvent
from streamer.events.zones import Zones
from streamer.pipeline.meter import SourceMeter, TrackMeter
from streamer.pipeline.privacy import PrivacyFilter, no_filter
from streamer.pipeline.result_meter import ResultMeter
from streamer.pipeline.sink_writer import SinkWriter
from streamer.ports import AnySink
from streamer.types import TrackResult

log = logging.getLogger(__name__)
LOG_LEVELS = {"lost": logging.WARNING, "jumped": logging.WARNING, "occluded": logging.DEBUG}  # other events: INFO


class Outputs:
    """Each sink has a writer with a queue and a thread of its own, so that nothing here waits for a live run's sinks.

    Results are put from one thread, the model's results from one thread, events from any.
    """

    def __init__(
        self,
        sinks: Mapping[str, AnySink],
        *,
        lossy: bool,
        zones: Sequence[ZoneSettings],
        privacy: PrivacySettings | None,
        clock_ns: Callable[[], int],
    ) -> None:
        self.source_meter, self.track_meter, self.result_meter = SourceMeter(), TrackMeter(), ResultMeter()
        self.writers = {name: SinkWriter(sink, lossy=lossy) for name, sink in sinks.items()}
        self._object_states = ObjectStates()
        self.zones = Zones(zones)
        self._hide = no_filter if privacy is None else PrivacyFilter(privacy).apply
        self._hides = privacy is not None
        self._clock_ns = clock_ns

    def put_result(self, result: TrackResult) -> None:
        """What a user sees of a frame; raises Closed once a sink has failed or the run has ended.

        Only finders, whose detections are boxes, get the frame with nothing hidden.
        """
        shown = self._hide(result)
        for writer in self.writers.values():
            writer.put_result(result if writer.is_finder else shown)
        self.result_meter.update(result, self._clock_ns())

    def put_model_result(self, result: TrackResult) -> None:
        """What the model found on a frame. Objects' states and zones are judged by it alone."""
        shown = _without_image(result) if self._hides else result
        for writer in self.writers.values():
            writer.put_model_result(shown)
        self.track_meter.update(result, self._clock_ns())
        events: list[Event] = [*self._object_states.update(result), *self.zones.update(result)]
        for event in events:
            self.put_event(event)

    def put_event(self, event: Event) -> None:
        """Log an event, count it, and put it before every sink that takes events."""
        log.log(LOG_LEVELS.get(event.kind, logging.INFO), "%s: %s", event.source, event.message)
        if isinstance(event, SourceEvent):
            self.source_meter.count(event)
        for writer in self.writers.values():
            writer.put_event(event)

    def close(self) -> None:
        """Nothing more will come; what was put is still written."""
        for writer in self.writers.values():
            writer.close()

    @property
    def dropped(self) -> dict[str, int]:
        """Results that a live run's sinks were too slow for."""
        return {name: writer.dropped for name, writer in self.writers.items()}

    @property
    def lost(self) -> dict[str, int]:
        """What sinks could not write while the run went on: events, clips, results of a sink that failed."""
        return {name: writer.lost for name, writer in self.writers.items()}


def _without_image(result: TrackResult) -> TrackResult:
    """The result on a black frame: what is hidden in results must not be seen in the model's either."""
    black = np.broadcast_to(np.uint8(0), result.frame.image.shape)
    return replace(result, frame=replace(result.frame, image=black))
