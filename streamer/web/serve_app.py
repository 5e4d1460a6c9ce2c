"""All of `streamer serve`: the cameras, the event store, and the HTTP server."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from streamer.config.settings import EventSettings, ServeSettings
from streamer.events.delivery import EventDelivery
from streamer.events.journal import Journal
from streamer.events.journal_sink import JournalSink, SharedJournalSink
from streamer.ports import AnySink
from streamer.service.build import build_engine, build_keys
from streamer.service.camera import Camera, Shared
from streamer.service.cameras import Cameras
from streamer.web.access import AccessPolicy
from streamer.web.api.dependencies import Service
from streamer.web.app import build_app
from streamer.web.credentials import CredentialFiles
from streamer.web.metrics import PrometheusMetrics
from streamer.web.readers import Readers
from streamer.web.server import HttpServer, listening

log = logging.getLogger(__name__)


class ServeApp:
    """The cameras with their readers, metrics and events; made by `serving`."""

    def __init__(self, settings: ServeSettings) -> None:
        keys = build_keys(settings.keys)
        self.settings = settings
        self.readers = Readers()
        self.metrics = PrometheusMetrics(self._statuses, lambda: self.readers.dropped)
        self._events = None if settings.events is None else _Events(settings.events)
        engine, privacy = build_engine(settings.model), settings.privacy
        shared = Shared(engine, settings.model, keys=keys, privacy=privacy, extra_sinks=self._extra_sinks)
        self.cameras = Cameras(shared, forgotten=self._forget)

    def service(self, policy: AccessPolicy) -> Service:
        """The objects that the API works on."""
        events = self.settings.events
        files = (None, None) if events is None else (events.file, events.clips)
        return Service(self.cameras, self.readers, policy, *files)

    def request_stop(self) -> None:
        """Ask readers and cameras to end soon."""
        self.readers.close()
        self.cameras.request_stop()

    def close(self) -> None:
        self.readers.close()
        self.cameras.close()
        if self._events is not None:
            self._events.close()

    def _extra_sinks(self, camera: Camera) -> dict[str, AnySink]:
        """The sinks of every camera."""
        sinks: dict[str, AnySink] = {**self.readers.sinks(camera), "metrics": self.metrics}
        return sinks if self._events is None else sinks | self._events.sinks(camera)

    def _forget(self, camera: str) -> None:
        self.readers.forget(camera)
        self.metrics.forget(camera)

    def _statuses(self) -> list[dict[str, Any]]:
        return [camera.status() | {"readers": self.readers.count(camera.name)} for camera in self.cameras.all()]


class _Events:
    """The journal, clips and deliveries of all cameras."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        from streamer.events.receivers import receivers_of  # which imports the HTTP client

        Journal(settings.file, settings).close()  # a file that cannot be used is an error at start-up
        self._deliveries = [EventDelivery(settings.file, receiver) for receiver in receivers_of(settings)]
        self._journal = JournalSink(settings, on_stored=self._wake)

    def sinks(self, camera: Camera) -> dict[str, AnySink]:
        """The sinks of one camera."""
        settings = self._settings
        sinks: dict[str, AnySink] = {"events": SharedJournalSink(self._journal, camera.looks.name_of)}
        if settings.clips is not None:
            from streamer.events.clips import ClipSink  # which imports the video encoder

            sinks["clips"] = ClipSink(settings.clips, settings)
        return sinks

    def close(self) -> None:
        self._journal.close()
        for delivery in self._deliveries:
            delivery.close()

    def _wake(self) -> None:
        for delivery in self._deliveries:
            delivery.wake()


@contextlib.contextmanager
def serving(settings: ServeSettings) -> Iterator[tuple[ServeApp, HttpServer]]:
    """Serve while the block runs; raises UsageError, ModelError, SourceError or SinkError."""
    files = CredentialFiles(settings.web.token, settings.web.users)
    known = files.credentials
    policy = AccessPolicy(
        lambda: files.credentials, frozenset(settings.web.names), secure=settings.web.certificate is not None
    )
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(
            listening(settings.web, has_credentials=known.required)
        )  # before the model is loaded
        serve_app = ServeApp(settings)
        opened.callback(serve_app.close)
        for name, camera in settings.cameras.items():
            serve_app.cameras.add(name, camera)
        served = build_app(serve_app.service(policy), serve_app.metrics)
        server = opened.enter_context(HttpServer(served, settings.web, listener))
        opened.callback(serve_app.request_stop)
        yield serve_app, server
