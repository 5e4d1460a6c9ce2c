"""A sink that prompts: detections that overlap no tracked object are tracked from then on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from streamer.channel import Channel, Closed
from streamer.config.settings import FindSettings
from streamer.ports import Finder, ObservesFrames
from streamer.types import Ack, Box, Detection, Frame, Prompt, Request, Track, TrackResult

log = logging.getLogger(__name__)


class AutoPrompter:
    """Looks for objects every `every_s` seconds, and on command, in its own thread: it never delays the tracker.

    A detection on one frame is prompted on a later one, by its box; the tracker allocates the ids. Seconds are of the
    recording's own time, of a live source's capture time.
    """

    def __init__(self, finder: Finder, commands: Channel[Request], settings: FindSettings) -> None:
        self._finder = finder
        self._commands = commands
        self._settings = settings
        self._looked_s: float | None = None
        self._answers: Channel[tuple[Sequence[Detection], Ack]] = Channel(16, lossy=True)
        self._requested: list[Box] = []  # prompted, and not acknowledged yet
        self._starting: dict[int, Box] = {}  # acknowledged, and not among the tracks yet

    def now(self) -> None:
        """Look at the next frame."""
        self._looked_s = None

    def write(self, result: TrackResult) -> None:
        if isinstance(self._finder, ObservesFrames):
            self._finder.see(result.frame)
        present = {track.object_id for track in result.tracks}
        self._read_answers()
        self._starting = {number: box for number, box in self._starting.items() if number not in present}
        frame = result.frame
        now_s = frame.captured_ns / 1e9 if frame.pts_s is None else frame.pts_s
        if self._looked_s is not None and 0 <= now_s - self._looked_s < self._settings.every_s:
            return
        self._looked_s = now_s
        pending = [*self._requested, *self._starting.values()]
        detections = choose(self._finder.find(frame), frame, result.tracks, self._settings, pending)
        if detections:
            self._prompt(detections)

    def close(self) -> None:
        pass

    def _prompt(self, detections: Sequence[Detection]) -> None:
        prompts = tuple(Prompt(box=detection.box) for detection in detections)
        request = Request(prompts, lambda ack: self._answers.put((detections, ack)))
        with contextlib.suppress(Closed):
            if self._commands.offer(request):
                self._requested += [detection.box for detection in detections]
            else:
                log.warning("%d detections are not tracked: the command queue is full", len(detections))

    def _read_answers(self) -> None:
        for detections, ack in self._answers.drain():
            for detection in detections:
                self._requested.remove(detection.box)
            if ack.error is not None:
                log.warning("detections are not tracked: %s", ack.error)
            for object_id, detection in zip(ack.object_ids, detections, strict=False):
                self._starting[object_id] = detection.box
                log.info("object %d: detected %s, score %.2f", object_id, detection.label, detection.score)


def choose(
    detections: Sequence[Detection],
    frame: Frame,
    tracks: Sequence[Track],
    settings: FindSettings,
    pending: Sequence[Box] = (),
) -> list[Detection]:
    """The detections to track, highest score first.

    They are large enough, in the region, and overlap no tracked object and none of `pending`, which will be tracked
    soon.
    """
    boxes = [track.box for track in tracks if track.box is not None and track.state == "tracked"]
    taken: list[Box] = [*boxes, *pending]
    chosen: list[Detection] = []
    for detection in sorted(detections, key=lambda each: -each.score):
        if len(tracks) + len(pending) + len(chosen) >= settings.max_objects:
            break
        if (
            detection.score >= settings.score_threshold
            and _fits(detection.box, frame, settings)
            and not _overlaps(detection.box, taken, settings.overlap_threshold)
        ):
            chosen.append(detection)
            taken.append(detection.box)
    return chosen


def _fits(box: Box, frame: Frame, settings: FindSettings) -> bool:
    share = _area(box) / (frame.width * frame.height)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    region = settings.region
    inside = region is None or (region[0] <= x <= region[2] and region[1] <= y <= region[3])
    return inside and settings.min_area <= share <= settings.max_area


def _overlaps(box: Box, taken: Sequence[Box], threshold: float) -> bool:
    """A box inside another counts as the same object, whichever is larger."""
    return any(_intersection(box, other) > threshold * min(_area(box), _area(other)) for other in taken)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _intersection(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
