"""Clips of events: a snapshot, the object's mask, and a video from some seconds before to some after."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamer.channel import Channel
from streamer.config.settings import EventSettings
from streamer.errors import SinkError
from streamer.events.types import Event, ObjectEvent, PlaceEvent, SourceEvent
from streamer.masks import Mask, PixelBox, decode, encode
from streamer.process.files import write_atomically
from streamer.process.threads import background
from streamer.types import Frame, Track, TrackResult
from streamer.video.jpeg import jpeg_of
from streamer.video.recording import VideoFileSink

log = logging.getLogger(__name__)
MAX_BUFFERED = 2000  # results in memory, as JPEG: 66 s at 30 fps
MAX_MODEL_MASKS = 8  # frames of which the model's masks are kept: events come right after them
MAX_PENDING = 16  # clips that wait to be written
CLOSE_TIMEOUT_S = 1.5  # for clips that still have to be written at the end
ABANDONED_S = 3600.0  # after which a clip that was begun will not be finished
DAY_S = 86400.0
# the names that `stem_of` gives: retention deletes nothing else
OWN_FILE = re.compile(r".+-\d{10,20}-[a-z]+-\d+(\.part)?\.(jpg|png|mp4)")


@dataclass(frozen=True, slots=True, eq=False)
class BufferedFrame:
    """A result without its pixels."""

    result: TrackResult  # with an empty image and empty masks
    jpeg: bytes
    masks: tuple[bytes, ...]
    size_wh: tuple[int, int]

    @classmethod
    def of(cls, result: TrackResult) -> BufferedFrame:
        """The result in as little memory as its images need as JPEG and its masks as run lengths."""
        frame = result.frame
        masks = tuple(encode(track.mask, track.box, "rle") for track in result.tracks)
        bare = tuple(replace(track, mask=np.zeros((0, 0), np.bool_), logits=None) for track in result.tracks)
        empty = replace(frame, image=np.zeros((0, 0, 3), np.uint8))
        return cls(replace(result, frame=empty, tracks=bare), jpeg_of(frame), masks, (frame.width, frame.height))

    def whole(self) -> TrackResult:
        """The result again, with its frame as JPEG kept it."""
        bgr: Any = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        frame: Frame = replace(self.result.frame, image=bgr[..., ::-1])
        tracks = tuple(self._track(track, mask) for track, mask in zip(self.result.tracks, self.masks, strict=True))
        return replace(self.result, frame=frame, tracks=tracks)

    def _track(self, track: Track, mask: bytes) -> Track:
        return replace(track, mask=decode(mask, track.box, "rle", self.size_wh))


@dataclass(frozen=True, slots=True, eq=False)
class ModelMasks:
    """What the model found on a frame, as run lengths."""

    index: int
    size_wh: tuple[int, int]
    masks: Mapping[int, tuple[PixelBox | None, bytes]]  # by object id

    @classmethod
    def of(cls, result: TrackResult) -> ModelMasks:
        masks = {track.object_id: (track.box, encode(track.mask, track.box, "rle")) for track in result.tracks}
        return cls(result.frame.index, (result.frame.width, result.frame.height), masks)

    def mask_of(self, object_id: int) -> Mask | None:
        """The mask of an object, H x W; None where it is not among them."""
        if object_id not in self.masks:
            return None
        box, data = self.masks[object_id]
        return decode(data, box, "rle", self.size_wh)


@dataclass(slots=True, eq=False)
class PendingClip:
    """A clip that still gets frames."""

    stem: str
    until_ns: int  # by the results' `time_ns`
    frames: list[BufferedFrame] = field(default_factory=list)


class ClipSink:
    """Writes an event's files, named by `stem`, in a thread of its own; older files are deleted by age and size.

    A failure to write is logged and counted in `failed`; tracking and later clips continue. Raises SinkError
    where the folder cannot be created at start-up.
    """

    def __init__(self, folder: Path, settings: EventSettings) -> None:
        self.failed = 0  # clips and snapshots that could not be written
        self._folder, self._settings = folder, settings
        self._recent: deque[BufferedFrame] = deque(maxlen=MAX_BUFFERED)
        self._model_masks: deque[ModelMasks] = deque(maxlen=MAX_MODEL_MASKS)
        self._pending: list[PendingClip] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"{folder}: cannot be created: {error.strerror}") from error
        self._jobs: Channel[Callable[[], None]] = Channel(4 * MAX_PENDING, lossy=True)
        self._thread = background("clips", self._work)

    @property
    def lost(self) -> int:
        """Files that were not written, or not in time."""
        return self.failed + self._jobs.dropped

    def write(self, result: TrackResult) -> None:
        buffered, now_ns = BufferedFrame.of(result), result.time_ns
        self._recent.append(buffered)
        while self._recent[0].result.time_ns < now_ns - self._settings.before_s * 1e9:
            self._recent.popleft()
        for clip in self._pending:
            clip.frames.append(buffered)
        for clip in [each for each in self._pending if each.until_ns <= now_ns or len(each.frames) > MAX_BUFFERED]:
            self._pending.remove(clip)
            self._jobs.put(lambda clip=clip: self._write_clip(clip))  # type: ignore[misc]

    def write_model(self, result: TrackResult) -> None:
        """The model's masks of a frame, for the snapshots of events, which come from them."""
        self._model_masks.append(ModelMasks.of(result))

    def notify(self, event: Event) -> None:
        if isinstance(event, SourceEvent) or event.kind not in self._settings.clip_kinds or not self._recent:
            return
        name, object_id = stem(event), event.object_id
        at = next((each for each in self._recent if each.result.frame.index == event.index), self._recent[-1])
        mask = next((each.mask_of(object_id) for each in self._model_masks if each.index == event.index), None)
        self._jobs.put(lambda: self._write_snapshot(name, at, mask))
        if len(self._pending) < MAX_PENDING:
            until_ns = at.result.time_ns + int(self._settings.after_s * 1e9)
            self._pending.append(PendingClip(name, until_ns, list(self._recent)))

    def close(self) -> None:
        """Clips that wait for later frames are written with the frames so far."""
        for clip in self._pending:
            self._jobs.put(lambda clip=clip: self._write_clip(clip))  # type: ignore[misc]
        self._pending.clear()
        self._jobs.close()
        if not self._thread.join(CLOSE_TIMEOUT_S):
            log.warning("%s: clips of events are unfinished: there was no time left to write them", self._folder)

    def _work(self) -> None:
        for job in self._jobs:
            try:
                job()
                prune(self._folder, self._settings, time.time())
            except (SinkError, OSError) as error:
                self.failed += 1
                log.warning("%s: %s; %d files of events are missing so far", self._folder, error, self.failed)

    def _write_snapshot(self, name: str, at: BufferedFrame, mask: Mask | None) -> None:
        """The frame, and the object's mask on it."""
        write_atomically(self._file(name, "jpg"), at.jpeg)
        if mask is not None:
            png = cv2.imencode(".png", mask.view(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1]
            write_atomically(self._file(name, "png"), png.tobytes())

    def _write_clip(self, clip: PendingClip) -> None:
        part = self._folder / f"{clip.stem}.part.mp4"
        try:
            with contextlib.closing(VideoFileSink(part)) as video:
                for buffered in clip.frames:
                    video.write(buffered.whole())
            part.replace(self._file(clip.stem, "mp4"))
        finally:
            part.unlink(missing_ok=True)

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / f"{name}.{kind}"


def stem(event: ObjectEvent | PlaceEvent) -> str:
    """The name of an event's files, without the ending."""
    return stem_of(event.source, event.wall_ns, event.kind, event.object_id)


def stem_of(source: str, wall_ns: int, kind: str, object_id: int) -> str:
    return f"{source}-{wall_ns}-{kind}-{object_id}"


def prune(folder: Path, settings: EventSettings, now_s: float) -> None:
    """Delete the oldest clips and snapshots until age and size are within the settings; other files are left alone."""
    files = sorted(own_files(folder), key=lambda pair: pair[0].st_mtime)
    total = sum(stat.st_size for stat, _ in files)
    for stat, file in files:
        if stat.st_mtime >= now_s - settings.days * DAY_S and total <= settings.clips_max_size_mb * 1e6:
            break
        is_being_written = file.stem.endswith(".part") and stat.st_mtime > now_s - ABANDONED_S
        if not is_being_written:
            file.unlink(missing_ok=True)
            total -= stat.st_size


def own_files(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    """The files of events in a folder, except files that another camera's sink has just deleted."""
    for file in folder.iterdir():
        if OWN_FILE.fullmatch(file.name):
            with contextlib.suppress(FileNotFoundError):
                yield file.stat(), file
