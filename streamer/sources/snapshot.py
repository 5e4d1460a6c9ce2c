"""A camera that gives one image at a time over HTTP, polled at a rate."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.events.types import Cause
from streamer.sources.http_address import opened
from streamer.types import Frame
from streamer.uris import Address, redact

DEFAULT_FPS = 1.0
MAX_BYTES = 64 * 2**20
MAX_DAMAGED = 10  # images in a row that cannot be decoded
CAUSES: dict[int, Cause] = {401: "auth", 403: "auth", 404: "not_found"}


class SnapshotSource:
    """`http://camera/snapshot.jpg#fps=2`: asked twice a second, or as fast as it answers. Raises SourceError."""

    live = True

    def __init__(self, address: Address, *, name: str, read_s: float) -> None:
        self.name = name
        self.nominal_fps: float | None = fps_of(address)
        self.codec = "jpeg"
        self.damaged = 0
        self._address, self._read_s = address, read_s
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        step_s, in_a_row, index = 1 / fps_of(self._address), 0, 0
        while not self._closed.is_set():
            began_s = time.monotonic()
            image = self._fetch()
            if image is not None:
                in_a_row = 0
                yield Frame.from_image(image, index=index, source=self.name)
                index += 1
            else:
                in_a_row, self.damaged = in_a_row + 1, self.damaged + 1
                if in_a_row > MAX_DAMAGED:
                    raise SourceError(f"{self._address.shown}: answers without an image", "corrupt")
            self._closed.wait(max(0.0, began_s + step_s - time.monotonic()))

    def close(self) -> None:
        self._closed.set()

    def _fetch(self) -> NDArray[np.uint8] | None:
        """H x W x 3 RGB; None where the answer is no image."""
        shown = self._address.shown
        try:
            with opened(self._address, timeout_s=self._read_s) as response:
                data = response.read(MAX_BYTES)
        except urllib.error.HTTPError as error:
            words = "wrong user or password" if error.code in (401, 403) else error.reason
            raise SourceError(f"{shown}: {error.code} {words}", CAUSES.get(error.code, "failed")) from error
        except TimeoutError as error:
            raise SourceError(f"{shown}: timed out", "timeout") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError):
                raise SourceError(f"{shown}: connection refused: nothing listens there", "refused") from error
            raise SourceError(f"{shown}: {redact(str(reason))}", "failed") from error
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        return None if image is None else cast(NDArray[np.uint8], cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def fps_of(address: Address) -> float:
    """Images a second; raises UsageError."""
    return address.number("fps", DEFAULT_FPS, above=0)
