"""A source of your own: a camera that serves one JPEG at a time over HTTP. It inherits from nothing.

`python examples/own_source.py http://192.168.1.30/snapshot.jpg 320,180` tracks the object at that point of the first
frame.
"""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.types import Frame


class SnapshotSource:
    """A live source: `close()`, called from any thread, ends it."""

    live = True

    def __init__(self, url: str, name: str = "snapshots", every_s: float = 0.1) -> None:
        self.name = name
        self._url = url
        self._every_s = every_s
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed:
            yield Frame.from_image(self._fetch(), index=index, source=self.name)
            index += 1
            time.sleep(self._every_s)

    def close(self) -> None:
        self._closed = True

    def _fetch(self) -> NDArray[np.uint8]:
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:
                bgr: Any = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
        except OSError as error:
            raise SourceError(f"{self._url}: {error}") from error
        if bgr is None:
            raise SourceError(f"{self._url}: the answer is not a JPEG")
        return np.ascontiguousarray(bgr[..., ::-1])


if __name__ == "__main__":
    from streamer import Prompt
    from streamer.edgetam import open_tracker

    x, y = (float(number) for number in sys.argv[2].split(","))
    tracker = open_tracker(model="nano")
    for frame in SnapshotSource(sys.argv[1]):
        commands = [Prompt(points=((x, y),), labels=(1,))] if frame.index == 0 else []
        for track in tracker.track(frame, commands):
            print(frame.index, track.object_id, track.state, track.box, flush=True)
