"""All of `streamer serve`: cameras, what is kept of events, and the server."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from streamer.cameras import Camera, Cameras, Shared
from streamer.journal import Retention
from streamer.keys import server_keys
from streamer.parts import engine_of
from streamer.settings import EventSettings, ServeSettings
from streamer.sinks.clips import ClipSink, Wish
from streamer.sinks.courier import Courier, Mqtt, Receiver, Webhook
from streamer.sinks.journal import JournalSink
from streamer.types import Sink
from streamer.web import passes
from streamer.web.access import Gate
from streamer.web.api.service import Service
from streamer.web.app import app
from streamer.web.exposition import Exposition
from streamer.web.live import Readers
from streamer.web.server import Server, listening

log = logging.getLogger(__name__)


class Station:
    """What is served, with everything that it stands on; made by `serving`."""

    def __init__(self, settings: ServeSettings) -> None:
        keys = None if settings.keys is None else server_keys(settings.keys.secret, settings.keys.clients)
        self.settings = settings
        self.readers = Readers()
        self.metrics = Exposition(self._statuses, lambda: self.readers.dropped)
        self._events = None if settings.events is None else _Events(settings.events)
        shared = Shared(engine_of(settings.model), settings.model, keys=keys, watching=self._watching)
        self.cameras = Cameras(shared, forgotten=self._forget)

    def service(self, gate: Gate) -> Service:
        """What the API works on."""
        events = self.settings.events
        files = (None, None) if events is None else (events.file, events.clips)
        return Service(self.cameras, self.readers, gate, *files)

    def tell(self) -> None:
        """Have readers and cameras end soon."""
        self.readers.close()
        self.cameras.tell()

    def close(self) -> None:
        self.readers.close()
        self.cameras.close()
        if self._events is not None:
            self._events.close()

    def _watching(self, camera: Camera) -> dict[str, Sink]:
        """The sinks of every camera."""
        sinks = self.readers.watching(camera) | {"metrics": self.metrics}
        return sinks if self._events is None else sinks | self._events.sinks()

    def _forget(self, camera: str) -> None:
        self.readers.forget(camera)
        self.metrics.forget(camera)

    def _statuses(self) -> list[dict[str, Any]]:
        return [camera.status() | {"readers": self.readers.count(camera.name)} for camera in self.cameras.all()]


class _Events:
    """Where all cameras' events go."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._retention = Retention(settings.days, settings.mb * 1e6)
        JournalSink(settings.file, self._retention).close()  # so that what cannot be used is said at the start
        receivers: list[Receiver] = []
        if settings.webhook is not None:
            receivers.append(Webhook(settings.webhook))
        if settings.mqtt is not None:
            receivers.append(Mqtt(settings.mqtt))
        self._couriers = [Courier(settings.file, receiver) for receiver in receivers]

    def sinks(self) -> dict[str, Sink]:
        """For one camera."""
        settings = self._settings
        sinks: dict[str, Sink] = {"events": JournalSink(settings.file, self._retention, told=self._wake)}
        if settings.clips is not None:
            times = (settings.before_s, settings.after_s, settings.days)
            sinks["clips"] = ClipSink(Wish(settings.clips, settings.of, *times, settings.clips_mb * 1e6))
        return sinks

    def close(self) -> None:
        for courier in self._couriers:
            courier.close()

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake()


@contextlib.contextmanager
def serving(settings: ServeSettings) -> Iterator[tuple[Station, Server]]:
    """Serve while the block runs; raises UsageError, ModelError, SourceError or SinkError."""
    known = passes.read(settings.web.token, settings.web.users)
    gate = Gate(known, frozenset(settings.web.names), secure=settings.web.certificate is not None)
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(listening(settings.web, has_pass=known.wanted))  # before the model is loaded
        station = Station(settings)
        opened.callback(station.close)
        for name, camera in settings.cameras.items():
            station.cameras.add(name, camera)
        served = app(station.service(gate), station.metrics)
        server = opened.enter_context(Server(served, settings.web, listener))
        opened.callback(station.tell)
        yield station, server
