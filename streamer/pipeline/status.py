"""What a run says of itself, as plain values and as a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamer.ports import CountsLateFrames, HasStreamInfo

if TYPE_CHECKING:
    from streamer.pipeline.pipeline import Pipeline


def status_of(pipeline: Pipeline, now_ns: int) -> dict[str, Any]:
    """The state of a running pipeline."""
    given, source = pipeline.source_figures, pipeline.source
    nominal_fps = source.nominal_fps if isinstance(source, HasStreamInfo) else None
    return {
        "source": source.name,
        "frames_captured": given.captured,
        "frames_tracked": pipeline.figures.tracked,
        "results": pipeline.result_figures.results,
        "frames_dropped": pipeline.dropped,
        "frames_skipped": given.skipped,
        "frames_late": source.late if isinstance(source, CountsLateFrames) else 0,
        "dropped_by_sink": pipeline.dropped_by_sink,
        "lost_by_sink": pipeline.lost_by_sink,
        "paused": pipeline.paused,
        "events": dict(given.events),
        "last_event": given.last_event,
        "motion": motion_of(pipeline),
        "zones": [one.fields() for one in pipeline.outputs.zones.figures],
        "quality": given.quality(now_ns, nominal_fps),
        **summary_of(pipeline),
    }


def summary_of(pipeline: Pipeline) -> dict[str, Any]:
    """Rates, latencies and objects."""
    tracked = pipeline.figures.summary()
    return tracked | pipeline.result_figures.summary() | {"fps_of_model": tracked["fps_now"]}


def motion_of(pipeline: Pipeline) -> dict[str, Any] | None:
    """How results came about; None where no masks are carried."""
    if pipeline.overload is None:
        return None
    return {**pipeline.result_figures.motion(), "overload": pipeline.overload}


def line_of(pipeline: Pipeline) -> str:
    """One line for a terminal."""
    tracked = pipeline.figures
    return pipeline.result_figures.line(tracked.objects, pipeline.captured, tracked.tracked, pipeline.dropped)
