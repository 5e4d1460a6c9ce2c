"""Metrics of all cameras for Prometheus, with its naming rules and units."""

from __future__ import annotations

import time
from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from streamer.types import TrackResult

SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
STAGES = ("queue", "track", "motion", "total", "carried")
OVERLOADS = ("none", "carried", "shares")
STATES = ("tracked", "occluded", "lost")
CAMERA_STATES = ("running", "failed", "ended", "stopped")
CAUSES = {"newer": "dropped", "rate": "skipped", "late": "late"}  # the key in the status of a camera
Values = list[tuple[list[str], float]]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class PrometheusMetrics:
    """`statuses` gives the status of each camera with its `readers`; `write` gets every result."""

    def __init__(self, statuses: Callable[[], list[dict[str, Any]]], frozen_readers: Callable[[], int]) -> None:
        self._statuses = statuses
        self._frozen_readers = frozen_readers
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._stages = Histogram(
            "streamer_stage_seconds",
            "Seconds: queue (from the capture until the model takes the frame), track, motion; from the capture to "
            "the result: total where all masks are the model's, carried where they are not.",
            ("camera", "stage"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(self)

    def write(self, result: TrackResult) -> None:
        """A sink of every camera."""
        whole = "total" if result.mask_from == "model" else "carried"
        stages = {whole: (time.monotonic_ns() - result.frame.captured_ns) / 1e6}
        if "motion" in result.timings_ms:
            stages["motion"] = result.timings_ms["motion"]
        self._observe(result.frame.source, stages)

    def write_model(self, result: TrackResult) -> None:
        """The model's own part."""
        self._observe(result.frame.source, result.timings_ms)

    def _observe(self, camera: str, stages_ms: Mapping[str, float]) -> None:
        for stage, milliseconds in stages_ms.items():
            self._stages.labels(camera, stage).observe(milliseconds / 1e3)

    def close(self) -> None:
        """Does nothing: other cameras continue to write."""

    def forget(self, camera: str) -> None:
        """Remove the histograms of a camera."""
        for stage in STAGES:
            with suppress(KeyError):  # a camera that gave no frame has none
                self._stages.remove(camera, stage)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        return []  # so that registering does not call `collect`

    def collect(self) -> Iterator[Metric]:
        statuses = self._statuses()
        yield _gauge("camera_up", "1 while fresh frames arrive.", ["camera"], _each(statuses, "live"))
        yield _gauge("camera_state", "1 for the current state of a camera.", ["camera", "state"], _states(statuses))
        yield _gauge("camera_paused", "1 while tracking is paused.", ["camera"], _each(statuses, "paused"))
        yield from _frames(statuses)
        yield _counter(
            "frames_dropped",
            "Frames that were not tracked or not written, by cause.",
            ["camera", "cause"],
            _drops(statuses),
        )
        yield _counter(
            "sink_lost", "Events, clips and results that a sink could not write.", ["camera", "sink"], _lost(statuses)
        )
        yield _counter("source_events", "Events of sources.", ["camera", "kind", "cause"], _events(statuses))
        for key, what in (
            ("fps", "Frames per second from the source, over five seconds."),
            ("age_s", "Seconds since the last frame arrived."),
            ("stalls_last_hour", "Times in the last hour that a source stalled or froze."),
            ("reconnects_last_hour", "Times in the last hour that a source reconnected."),
        ):
            name = f"source_{key.replace('age_s', 'age_seconds').replace('fps', 'frames_per_second')}"
            yield _gauge(name, what, ["camera"], [([c], v) for [c], v in _quality(statuses, key)])
        yield from _carrying(statuses)
        yield _gauge("objects", "Objects by state.", ["camera", "state"], _objects(statuses))
        yield from _zone_metrics(statuses)
        yield _gauge(
            "readers", "Readers of results over WebSockets, and of Motion JPEG.", ["camera"], _each(statuses, "readers")
        )
        yield _counter(
            "readers_dropped",
            "Readers that were disconnected because they read nothing.",
            [],
            [([], float(self._frozen_readers()))],
        )


def _frames(statuses: list[dict[str, Any]]) -> Iterator[Metric]:
    for name, what in (
        ("frames_captured", "Frames that arrived from the source."),
        ("frames_tracked", "Frames that the model saw."),
        ("results", "Frames that were published with masks of the model or carried ones."),
    ):
        yield _counter(name, what, ["camera"], _each(statuses, name))


def _carrying(statuses: list[dict[str, Any]]) -> Iterator[Metric]:
    """How results come about where masks are carried between the model's frames."""
    yield _counter("results_carried", "Results with a carried mask.", ["camera"], _motion(statuses, "carried"))
    yield _gauge(
        "model_frames_per_second",
        "Frames per second that the model saw.",
        ["camera"],
        _each(statuses, "fps_of_model"),
    )
    yield _gauge(
        "overload",
        "1 for the current step of the ladder: carried masks, or objects that share the model's steps.",
        ["camera", "step"],
        _overload(statuses),
    )


def _gauge(name: str, description: str, labels: list[str], values: Values) -> Metric:
    family = GaugeMetricFamily(f"streamer_{name}", description, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _counter(name: str, description: str, labels: list[str], values: Values) -> Metric:
    family = CounterMetricFamily(f"streamer_{name}", description, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _each(statuses: list[dict[str, Any]], key: str) -> Values:
    return [([status["name"]], float(status.get(key, 0))) for status in statuses]


def _zone_metrics(statuses: list[dict[str, Any]]) -> Iterator[Metric]:
    for key, zone_metric, what in (
        ("entered", "zone_entered", "Objects that entered a zone."),
        ("left", "zone_left", "Objects that left a zone."),
        ("stays", "zone_stays", "Stays in a zone that ended."),
        ("dwell_s", "zone_dwell_seconds", "Seconds of the stays that ended."),
    ):
        yield _counter(zone_metric, what, ["camera", "zone"], _zones(statuses, key))
    yield _gauge("zone_inside", "Objects in a zone now.", ["camera", "zone"], _zones(statuses, "inside"))
    yield _counter(
        "zone_crossings",
        "Objects that crossed a line, by the side to which.",
        ["camera", "zone", "to"],
        [([*zone, to], count) for to in ("left", "right") for zone, count in _zones(statuses, f"to_{to}")],
    )


def _zones(statuses: list[dict[str, Any]], key: str) -> Values:
    return [
        ([status["name"], zone["zone"]], float(zone[key])) for status in statuses for zone in status.get("zones", [])
    ]


def _quality(statuses: list[dict[str, Any]], key: str) -> Values:
    values = [(status["name"], status.get("quality", {}).get(key)) for status in statuses]
    return [([name], float(value)) for name, value in values if value is not None]


def _motion(statuses: list[dict[str, Any]], key: str) -> Values:
    return [([status["name"]], float(status["motion"][key])) for status in statuses if status.get("motion")]


def _overload(statuses: list[dict[str, Any]]) -> Values:
    return [
        ([status["name"], step], float(status["motion"]["overload"] == step))
        for status in statuses
        if status.get("motion")
        for step in OVERLOADS
    ]


def _states(statuses: list[dict[str, Any]]) -> Values:
    return [
        ([status["name"], state], float(status["state"] == state)) for status in statuses for state in CAMERA_STATES
    ]


def _drops(statuses: list[dict[str, Any]]) -> Values:
    values: Values = []
    for status in statuses:
        causes = {cause: status.get(f"frames_{key}", 0) for cause, key in CAUSES.items()}
        causes |= {f"sink {name}": count for name, count in status.get("dropped_by_sink", {}).items()}
        values += [([status["name"], cause], float(count)) for cause, count in causes.items()]
    return values


def _lost(statuses: list[dict[str, Any]]) -> Values:
    return [
        ([status["name"], sink], float(count))
        for status in statuses
        for sink, count in status.get("lost_by_sink", {}).items()
    ]


def _events(statuses: list[dict[str, Any]]) -> Values:
    return [
        ([status["name"], *text.split(" ", 1)], float(count))
        for status in statuses
        for text, count in status.get("events", {}).items()
    ]


def _objects(statuses: list[dict[str, Any]]) -> Values:
    values: Values = []
    for status in statuses:
        counts = Count(entry["state"] for entry in status.get("objects", ()))
        values += [([status["name"], state], float(counts[state])) for state in STATES]
    return values
