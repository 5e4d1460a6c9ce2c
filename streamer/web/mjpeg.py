"""Motion JPEG over HTTP: the newest frame of a camera, for players that know nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streamer.masks import overlay
from streamer.types import TrackResult
from streamer.video.jpeg import encode_jpeg, jpeg_of

BOUNDARY = "frame"
POLL_S = 0.02  # for a newer frame
SEND_TIMEOUT_S = 10.0  # for a reader that takes nothing


class MjpegResponse(Response):
    """Sends the newest frame whenever the reader has taken the one before; a frozen reader is dropped.

    `latest` gives the newest result, or None once the camera is gone.
    """

    def __init__(self, latest: Callable[[], TrackResult | None], *, with_overlay: bool) -> None:
        super().__init__(media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self._latest = latest
        self._with_overlay = with_overlay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = [(b"content-type", str(self.media_type).encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.create_task(self._send_frames(send))
        gone = asyncio.create_task(_disconnected(receive))
        await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, gone):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError, OSError):
            await sending

    async def _send_frames(self, send: Send) -> None:
        shown: TrackResult | None = None
        while (latest := self._latest()) is not None:
            if latest is shown:
                await asyncio.sleep(POLL_S)
                continue
            shown = latest
            jpeg = await run_in_threadpool(self._encode, latest)
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            message = {"type": "http.response.body", "body": head + jpeg + b"\r\n", "more_body": True}
            await asyncio.wait_for(send(message), SEND_TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _encode(self, result: TrackResult) -> bytes:
        frame = result.frame
        return encode_jpeg(overlay(frame.image, result.tracks)) if self._with_overlay else jpeg_of(frame)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
