"""Motion JPEG over HTTP: the newest frame of a camera, for players that know nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streamer.types import TrackResult
from streamer.video.jpeg import jpeg_of
from streamer.video.mjpeg import MEDIA_TYPE, part
from streamer.video.overlay import overlay_jpeg_of
from streamer.web.readers import READ_TIMEOUT_S, Readers

log = logging.getLogger(__name__)
POLL_S = 0.02  # for a newer frame


class MjpegResponse(Response):
    """Sends the newest frame whenever the reader has taken the one before; a frozen reader is dropped."""

    def __init__(self, readers: Readers, camera: str, *, with_overlay: bool, allowed: Callable[[], bool]) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        self._readers = readers
        self._camera = camera
        self._with_overlay = with_overlay
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = [(b"content-type", str(self.media_type).encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.create_task(self._send_frames(send))
        gone = asyncio.create_task(_disconnected(receive))
        try:
            with self._readers.playing(self._camera):
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and isinstance(sending.exception(), TimeoutError):
                self._readers.dropped += 1
                log.warning("camera %s: a Motion JPEG reader read nothing for %g s", self._camera, READ_TIMEOUT_S)
                await asyncio.wait({gone}, timeout=2 * READ_TIMEOUT_S)  # until the kernel disconnects it
        finally:
            sending.cancel()
            gone.cancel()

    async def _send_frames(self, send: Send) -> None:
        shown: TrackResult | None = None
        while self._allowed() and (latest := self._readers.latest(self._camera)) is not None:
            if latest is shown:
                await asyncio.sleep(POLL_S)
                continue
            shown = latest
            jpeg = await run_in_threadpool(self._encode, latest)
            message = {"type": "http.response.body", "body": part(jpeg), "more_body": True}
            await asyncio.wait_for(send(message), READ_TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _encode(self, result: TrackResult) -> bytes:
        return overlay_jpeg_of(result) if self._with_overlay else jpeg_of(result.frame)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
