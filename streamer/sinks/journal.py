"""Events kept in SQLite, and sent on to a webhook: at least once, in their order, also after a restart."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from streamer.channel import Channel, Closed
from streamer.errors import SinkError, UsageError
from streamer.events import Event
from streamer.journal import Journal, Retention
from streamer.types import TrackResult
from streamer.uris import redact

log = logging.getLogger(__name__)
WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TIMEOUT_S = 5.0
CLOSING_S = 0.5  # for a post that is under way
LOOK_EVERY_S = 5.0  # for events of another process in the same journal


class JournalSink:
    """Keeps events, and has a thread send them on where there is a webhook. Raises SinkError, UsageError."""

    def __init__(self, path: Path, retention: Retention, webhook: str | None) -> None:
        self._journal: Journal | None = None
        self._path, self._retention = path, retention
        Journal(path, retention).close()  # so that what cannot be used is said at the start
        self._courier = None if webhook is None else Courier(path, webhook)

    def write(self, result: TrackResult) -> None:
        pass

    def notify(self, event: Event) -> None:
        if self._journal is None:  # in the thread that writes: SQLite wants one thread a connection
            self._journal = Journal(self._path, self._retention)
        self._journal.append(event)
        if self._courier is not None:
            self._courier.wake()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._courier is not None:
            self._courier.close()


class Courier:
    """Posts what a receiver has not taken yet. A receiver may see an event twice: `X-Event-Id` is the same then."""

    def __init__(self, path: Path, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(f"webhook {redact(url)!r}: give an http:// or https:// address")
        self._path = path
        self._url, self._headers = _without_login(url)
        self._shown = redact(url)
        with contextlib.closing(Journal(path)) as journal:
            journal.delivered(self._shown)  # what comes from now on is for it
        self._news: Channel[None] = Channel(1, lossy=True)
        self.wake()  # for what an earlier run left
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._news.put(None)

    def close(self) -> None:
        """What is not delivered yet stays for the next run."""
        self._news.abort()
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        try:
            journal = Journal(self._path)
            attempt = 0
            while True:
                with contextlib.suppress(TimeoutError):
                    self._news.get(LOOK_EVERY_S if attempt == 0 else WAITS_S[min(attempt, len(WAITS_S)) - 1])
                attempt = 0 if self._deliver(journal) else attempt + 1
        except Closed:
            journal.close()
        except SinkError as error:
            log.warning("webhook %s: %s", self._shown, error)

    def _deliver(self, journal: Journal) -> bool:
        """Whether everything has been taken."""
        last = journal.delivered(self._shown)
        while waiting := journal.after(last):
            for number, fields in waiting:
                if self._news.closed or not self._post(number, fields):
                    return False
                journal.mark(self._shown, last := number)
        return True

    def _post(self, number: int, fields: dict[str, Any]) -> bool:
        headers = self._headers | {"Content-Type": "application/json", "X-Event-Id": str(number)}
        request = urllib.request.Request(self._url, json.dumps(fields | {"id": number}).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                return True
        except (OSError, http.client.HTTPException) as error:  # also HTTPError, for any answer but 2xx
            log.warning("webhook %s: %s; event %d is kept and sent again", self._shown, redact(str(error)), number)
            return False


def _without_login(url: str) -> tuple[str, dict[str, str]]:
    """The address without its user and password, and the header that says them."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
