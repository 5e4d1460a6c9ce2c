"""A live source that is reconnected when it fails; a watchdog outside the reader thread enforces the timeouts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal, cast

from streamer.channel import Channel, Closed
from streamer.config.settings import SourceSettings
from streamer.errors import SourceError, UsageError
from streamer.events.types import Cause, SourceEvent
from streamer.ports import HasStreamInfo, Source
from streamer.process import memory
from streamer.process.threads import Background, background
from streamer.rate_limit import Backoff
from streamer.sources.checks import Checks
from streamer.types import Frame

log = logging.getLogger(__name__)
Kind = Literal["lost", "restored", "jumped"]
OPEN_S = 20.0  # from connecting to the first frame
JITTER = 0.2  # of a wait, so that cameras of one network do not reconnect in step
READ_DEPTH = 4  # frames between the reader and the pipeline, which takes them at once
JOIN_TIMEOUT_S = 1.0
MAX_STUCK = 3  # abandoned reader threads that are still blocked; with more of them no new connection is made
DRIFTED, DRIFTED_S = 3, 3600.0  # after 3 failures by a drifting clock in an hour the camera's clock is ignored
SLICE_S = 0.05


class WatchedSource:
    """A live source that reconnects. The frame index continues; each discontinuity raises the epoch.

    A thread of its own reads, so a read that blocks forever is noticed, and the thread is abandoned. `first` is a
    connection that is open already. Raises UsageError where no attempt can succeed; every other failure is retried
    without end.
    """

    live = True

    def __init__(
        self,
        connect: Callable[[], Source],
        *,
        settings: SourceSettings,
        name: str,
        backoff: Backoff | None = None,
        first: Source | None = None,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._connect = connect
        self._settings = settings
        self._stale_s = settings.stale_s
        self._open_s = open_s
        self._backoff = backoff or Backoff(jitter=JITTER)
        self._first = first
        self._clock = clock
        self._closed = threading.Event()
        self._stuck: list[Background] = []
        self._index = 0
        self._epoch = 0
        self.late = 0  # frames that were dropped because they arrived too late
        self._drifted: list[float] = []  # times of failures by a drifting clock
        self._late_at = -1  # the next frame's index when the last late frame arrived
        self._lost_at: float | None = None
        self._cause: Cause = "failed"
        self.nominal_fps: float | None = None
        self.codec = ""

    def __iter__(self) -> Iterator[Frame | SourceEvent]:
        while not self._closed.is_set():
            began, failure = self._clock(), None
            try:
                yield from self._connection()
            except SourceError as error:
                failure = error
            if failure is None or self._closed.is_set():
                return
            worked_s = self._clock() - began if self._lost_at is None else 0.0
            wait_s = self._wait_s(failure, worked_s)
            yield self._lost(failure, wait_s)
            self._closed.wait(wait_s)
            memory.trim_heap()  # the connection's buffers go back to the system

    def follow(self, before: WatchedSource) -> None:
        """Continue the index and the epoch of the source of the same camera that this one replaces."""
        self._index, self._epoch = before._index, before._epoch + 1

    def close(self) -> None:
        self._closed.set()
        if self._first is not None:
            self._first.close()

    def _wait_s(self, failure: SourceError, worked_s: float) -> float:
        """Seconds before the next attempt; the time for which a connection was stalled is part of them."""
        wait_s = self._backoff.failed(worked_s)
        return max(0.0, wait_s - self._settings.stall_s) if failure.cause == "stalled" else wait_s

    def _connection(self) -> Iterator[Frame | SourceEvent]:
        """The frames of one connection until it fails (SourceError) or the source is closed."""
        self._await_room()
        first, self._first = self._first, None
        reader = _Reader((lambda: first) if first is not None else self._connect, self.name)
        before: Frame | None = None
        checks = Checks(stale_s=self._stale_s, frozen_s=self._settings.frozen_s)
        limit_s = self._open_s
        offset = 0
        try:
            while (frame := self._next(reader, limit_s, checks)) is not None:
                limit_s = self._settings.stall_s
                if before is None:
                    offset = self._index - frame.index
                    yield from self._restored(reader.source)
                elif (jump := checks.jump(before, frame)) is not None:
                    self._epoch += 1
                    yield self._event("jumped", *jump)
                checks.frozen(frame)
                before = frame
                self._index = offset + frame.index + 1
                yield replace(frame, index=offset + frame.index, epoch=self._epoch)
        except SourceError as error:
            if before is not None and error.cause == "timeout":  # a read timed out after frames had arrived
                raise SourceError(str(error), "stalled") from error
            raise
        finally:
            reader.abandon()
            self._stuck.append(reader.thread)

    def _next(self, reader: _Reader, limit_s: float, checks: Checks) -> Frame | None:
        """The next frame that is not late; None when the source was closed.

        Raises SourceError where no frame arrived in time, or the reader failed.
        """
        deadline = self._clock() + limit_s
        while not self._closed.is_set():
            try:
                frame = reader.frames.get(min(SLICE_S, limit_s))
                if not checks.stale(frame):
                    return frame
                if checks.paced:
                    self._drop_late()
            except TimeoutError:
                pass
            except Closed:
                reader.thread.join(JOIN_TIMEOUT_S)  # it closed its channel as the last thing that it did
                raise reader.error or SourceError("the stream ended", "ended") from None
            if self._clock() > deadline:
                if checks.drifts:
                    self._ignore_clock()
                cause = "stalled" if limit_s == self._settings.stall_s else "timeout"
                raise SourceError(f"no frame for {limit_s:g} s", cause)
        return None

    def _drop_late(self) -> None:
        if self._late_at != self._index:
            log.warning("%s: frames arrive late; they are dropped until they arrive in real time", self.name)
        self.late, self._late_at = self.late + 1, self._index

    def _ignore_clock(self) -> None:
        """After several such failures measure no lateness: a camera whose clock drifts would reconnect forever."""
        now = self._clock()
        self._drifted = [at for at in self._drifted if now - at < DRIFTED_S] + [now]
        if len(self._drifted) < DRIFTED:
            return
        log.warning("%s: the camera's clock drifts; late frames can no longer be detected", self.name)
        self._stale_s = None

    def _await_room(self) -> None:
        while not self._closed.is_set():
            self._stuck = [thread for thread in self._stuck if thread.running]
            if len(self._stuck) < MAX_STUCK:
                return
            self._closed.wait(SLICE_S)

    def _restored(self, source: Source | None) -> Iterator[SourceEvent]:
        """The events at the first frame of a connection."""
        before = self.codec
        if isinstance(source, HasStreamInfo):
            self.nominal_fps, self.codec = source.nominal_fps, source.codec
        if self._lost_at is not None:
            gap_s = self._clock() - self._lost_at
            self._lost_at = None
            self._epoch += 1
            yield self._event("restored", self._cause, f"back after {gap_s:.1f} s", gap_s=gap_s)
        if before and self.codec != before:
            yield self._event("jumped", "codec", f"the stream's codec changed from {before} to {self.codec}")

    def _lost(self, error: SourceError, wait_s: float) -> SourceEvent:
        self._lost_at = self._clock() if self._lost_at is None else self._lost_at
        self._cause = cast(Cause, error.cause)
        when = f"in {wait_s:.0f} s" if wait_s else "at once"
        return self._event("lost", self._cause, f"{error}; retrying {when}")

    def _event(self, kind: Kind, cause: Cause, message: str, *, gap_s: float = 0.0) -> SourceEvent:
        return SourceEvent(
            self.name,
            kind,
            cause,
            message,
            self._epoch,
            time.monotonic_ns(),
            time.time_ns(),
            gap_s,
        )


class _Reader:
    """One connection, and the thread that reads it."""

    def __init__(self, connect: Callable[[], Source], name: str) -> None:
        self.frames: Channel[Frame] = Channel(READ_DEPTH, lossy=True)
        self.error: Exception | None = None
        self._connect = connect
        self.source: Source | None = None
        self._abandoned = False
        self.thread = background(f"read {name}", self._read)

    def _read(self) -> None:
        try:
            self.source = self._connect()
            if self._abandoned:
                self.source.close()
            for item in self.source:
                if isinstance(item, Frame):
                    self.frames.put(item)
        except Closed:
            pass  # abandoned
        except (SourceError, UsageError) as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - whatever a decoder raises is a failed connection
            self.error = SourceError(f"{type(error).__name__}: {error}")
        finally:
            self.frames.close()

    def abandon(self) -> None:
        """Close the connection without waiting for the thread."""
        self._abandoned = True
        self.frames.abort()
        if self.source is not None:
            self.source.close()
