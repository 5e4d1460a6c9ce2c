"""Pictures of events: a snapshot, the object's mask, and a clip from some seconds before to some after."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamer.channel import Channel
from streamer.errors import SinkError
from streamer.events.types import Event, ObjectEvent, PlaceEvent, SourceEvent
from streamer.masks import decode, encode
from streamer.types import Frame, Track, TrackResult
from streamer.video.recording import VideoFileSink

log = logging.getLogger(__name__)
QUALITY = 85
KEPT_AT_MOST = 2000  # results in memory, as JPEG: 66 s at 30 fps
WAITING_AT_MOST = 16  # clips that are to be written
CLOSE_S = 1.5  # for clips that are still to be written when it ends
ABANDONED_S = 3600.0  # after which a clip that was begun will not be finished
DAY_S = 86400.0
KINDS = ("jpg", "png", "mp4")


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """What is kept of which events, and for how long."""

    folder: Path
    of: Sequence[str]  # kinds of events
    before_s: float = 3.0
    after_s: float = 3.0
    days: float = 30.0
    most_bytes: float = 2e9


@dataclass(frozen=True, slots=True, eq=False)
class BufferedFrame:
    """A result without its pixels."""

    result: TrackResult  # with an empty picture and empty masks
    jpeg: bytes
    masks: tuple[bytes, ...]
    size_wh: tuple[int, int]

    @classmethod
    def of(cls, result: TrackResult) -> BufferedFrame:
        frame = result.frame
        jpeg = cv2.imencode(".jpg", frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        masks = tuple(encode(track.mask, track.box, "rle") for track in result.tracks)
        bare = tuple(replace(track, mask=np.zeros((0, 0), np.bool_), logits=None) for track in result.tracks)
        empty = replace(frame, image=np.zeros((0, 0, 3), np.uint8))
        return cls(replace(result, frame=empty, tracks=bare), jpeg, masks, (frame.width, frame.height))

    def whole(self) -> TrackResult:
        """As it was, but for what JPEG loses."""
        bgr: Any = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR)
        frame: Frame = replace(self.result.frame, image=bgr[..., ::-1])
        tracks = tuple(self._track(track, mask) for track, mask in zip(self.result.tracks, self.masks, strict=True))
        return replace(self.result, frame=frame, tracks=tracks)

    def _track(self, track: Track, mask: bytes) -> Track:
        return replace(track, mask=decode(mask, track.box, "rle", self.size_wh))


@dataclass(slots=True, eq=False)
class PendingClip:
    """A clip that still gets pictures."""

    stem: str
    until_ns: int
    kept: list[BufferedFrame] = field(default_factory=list)


class ClipSink:
    """Files of an event are called by `stem`; what is older or more than wished is removed. Raises SinkError."""

    def __init__(self, wish: ClipSettings) -> None:
        self._wish = wish
        self._recent: deque[BufferedFrame] = deque(maxlen=KEPT_AT_MOST)
        self._due: list[PendingClip] = []
        try:
            wish.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"{wish.folder}: cannot be made: {error.strerror}") from error
        self._jobs: Channel[PendingClip] = Channel(WAITING_AT_MOST, lossy=True)
        self._thread = threading.Thread(target=self._work, name="clips", daemon=True)
        self._thread.start()

    def write(self, result: TrackResult) -> None:
        kept, now_ns = BufferedFrame.of(result), result.frame.captured_ns
        self._recent.append(kept)
        while self._recent[0].result.frame.captured_ns < now_ns - self._wish.before_s * 1e9:
            self._recent.popleft()
        for due in self._due:
            due.kept.append(kept)
        for due in [due for due in self._due if due.until_ns <= now_ns or len(due.kept) > KEPT_AT_MOST]:
            self._due.remove(due)
            self._jobs.put(due)

    def notify(self, event: Event) -> None:
        if isinstance(event, SourceEvent) or event.kind not in self._wish.of or not self._recent:
            return
        name, until_ns = stem(event), event.monotonic_ns + int(self._wish.after_s * 1e9)
        at = next((kept for kept in self._recent if kept.result.frame.index == event.index), self._recent[-1])
        self._picture(name, at, event.object_id)
        if len(self._due) < WAITING_AT_MOST:
            self._due.append(PendingClip(name, until_ns, list(self._recent)))

    def close(self) -> None:
        """Clips that wait for later pictures are written with those that came."""
        for due in self._due:
            self._jobs.put(due)
        self._due.clear()
        self._jobs.close()
        self._thread.join(CLOSE_S)

    def _picture(self, name: str, kept: BufferedFrame, object_id: int) -> None:
        """The snapshot, and where the object was in it."""
        self._file(name, "jpg").write_bytes(kept.jpeg)
        for track in kept.whole().tracks:
            if track.object_id == object_id:
                cv2.imwrite(str(self._file(name, "png")), track.mask.view(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])

    def _work(self) -> None:
        for due in self._jobs:
            try:
                self._clip(due)
                prune(self._wish, time.time())
            except (SinkError, OSError) as error:
                log.warning("%s: no clip: %s", due.stem, error)

    def _clip(self, due: PendingClip) -> None:
        part = self._wish.folder / f"{due.stem}.part.mp4"
        try:
            with contextlib.closing(VideoFileSink(part)) as video:
                for kept in due.kept:
                    video.write(kept.whole())
            part.replace(self._file(due.stem, "mp4"))
        finally:
            part.unlink(missing_ok=True)

    def _file(self, name: str, kind: str) -> Path:
        return self._wish.folder / f"{name}.{kind}"


def stem(event: ObjectEvent | PlaceEvent) -> str:
    """What an event's files are called, without the ending."""
    return stem_of(event.source, event.wall_ns, event.kind, event.object_id)


def stem_of(source: str, wall_ns: int, kind: str, object_id: int) -> str:
    return f"{source}-{wall_ns}-{kind}-{object_id}"


def prune(wish: ClipSettings, now_s: float) -> None:
    """Remove the oldest files until what is wished is kept."""
    files = sorted(((file.stat(), file) for file in wish.folder.iterdir()), key=lambda pair: pair[0].st_mtime)
    total = sum(stat.st_size for stat, _ in files)
    for stat, file in files:
        if stat.st_mtime >= now_s - wish.days * DAY_S and total <= wish.most_bytes:
            break
        is_begun = file.stem.endswith(".part") and stat.st_mtime > now_s - ABANDONED_S
        if file.suffix.removeprefix(".") in KINDS and not is_begun:
            file.unlink(missing_ok=True)
            total -= stat.st_size
