"""Results of a camera as they come over the WebSocket, and the newest of them."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.errors import StreamerError, WireError
from streamer.masks import Mask, decode
from streamer.process.threads import background

FUTURE_S = 0.05  # by which the server's clock may be ahead


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The objects that were tracked on one frame."""

    header: Mapping[str, Any]  # index, epoch, captured_ns, wall_ns, size and more: docs/http-api.md
    masks: Mapping[int, Mask]  # H x W bool by object id; empty while an object is not visible
    jpeg: bytes  # the frame with `images=True`, else empty

    @property
    def index(self) -> int:
        return int(self.header["index"])

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Id, state, score, predicted_iou, box, area, name and colour of each object."""
        return list(self.header["objects"])

    def image(self) -> NDArray[np.uint8]:
        """The frame, H x W x 3 RGB; raises WireError for a result without one."""
        bgr: Any = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR) if self.jpeg else None
        if bgr is None:
            raise WireError("this result has no image; call results(..., images=True)")
        return np.ascontiguousarray(bgr[..., ::-1])


class Latest:
    """Keeps the newest of a stream of results, for a control loop that must not wait."""

    def __init__(self, results: Iterator[Result], *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._results = results
        self._wall_ns = wall_ns
        self._latest: Result | None = None
        self._error: StreamerError | None = None
        self._closed = False
        self._thread = background("latest result", self._read)

    def read_latest(self, max_age_s: float) -> Result | None:
        """The newest result so far, at once; None where its frame was captured more than `max_age_s` ago, or lies in
        the future by more than FUTURE_S. None means that nothing is known: stop. Raises StreamerError once the stream
        has ended."""
        if self._error is not None:
            raise self._error
        result = self._latest
        if result is None:
            return None
        age_s = (self._wall_ns() - int(result.header["wall_ns"])) / 1e9
        return result if -FUTURE_S <= age_s <= max_age_s else None

    def close(self) -> None:
        self._closed = True

    def _read(self) -> None:
        try:
            for result in self._results:
                self._latest = result
                if self._closed:
                    return
            self._error = StreamerError("the stream of results has ended")
        except StreamerError as error:
            self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unpack(message: bytes) -> Result:
    """The result in a WebSocket message; raises WireError."""
    try:
        (length,) = struct.unpack_from("<I", message)
        header = json.loads(message[4 : 4 + length])
        blobs = memoryview(message)[4 + length :]
        width, height = header["size"]
        masks = {}
        for entry in header["objects"]:
            box, (at, size) = entry["box"], entry["at"]
            masks[entry["id"]] = decode(bytes(blobs[at : at + size]), box and tuple(box), "rle", (width, height))
        at, size = header["image"]["at"] if "image" in header else (0, 0)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise WireError(f"{len(message)} bytes are not a result: {error}") from error
    return Result(header, masks, bytes(blobs[at : at + size]))
