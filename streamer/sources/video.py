"""Files, network streams and FFmpeg's test sources through PyAV."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from streamer.errors import SourceError
from streamer.events.types import Cause
from streamer.sources.pace import Pace
from streamer.sources.tls import distrusted, trust
from streamer.types import Frame
from streamer.uris import Address, check_place, redact

OPEN_TIMEOUT_S = 5.0
MAX_FPS = 240  # a stream that declares more is not believed
SILENT = (
    "timed out: the server accepted the connection and sent nothing"  # FFmpeg reports some of these as invalid data
)
RECORDED_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".ts")
# default probing costs 1 to 4 s at open, and then delivers a backlog of that age
LIVE_OPTIONS = {
    "fflags": "nobuffer",
    "flags": "low_delay",
    "probesize": "32",
    "analyzeduration": "0",
    "max_delay": "0",
    "reorder_queue_size": "0",
}
PROBING = {"probesize": "500000", "analyzeduration": "1000000"}  # for containers that announce streams late

TRANSPORTS = ("tcp", "udp", "udp_multicast", "http", "https")

Opener = Callable[[], InputContainer]


class VideoSource:
    """The decoded frames of a container's first video stream.

    The end of a live stream raises SourceError; the end of a recording ends the iteration.
    """

    def __init__(
        self, opener: Opener, shown: str, *, name: str, live: bool, paced: bool = False, loop: bool = False
    ) -> None:
        self.name = name
        self.live = live
        self._opener = opener
        self._shown = shown
        self._paced = paced
        self._loop = loop
        self._closed = False
        self.nominal_fps: float | None = None
        self.codec = ""
        self._container: InputContainer | None = self._open()

    def _open(self) -> InputContainer:
        began = time.monotonic()
        try:
            container = self._opener()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            silent = self.live and time.monotonic() - began >= OPEN_TIMEOUT_S
            cause, words = ("timeout", SILENT) if silent else explain(error)
            raise SourceError(f"{self._shown}: {words}", cause) from error
        if not container.streams.video:
            container.close()
            raise SourceError(f"{self._shown}: there is no video in it", "corrupt")
        stream = container.streams.video[0]
        self.nominal_fps, self.codec = rate_of(stream), stream.codec_context.name
        return container

    def __iter__(self) -> Iterator[Frame]:
        index, epoch, base_s, pace = 0, 0, 0.0, Pace()
        size: tuple[int, int] | None = None
        while not self._closed:
            last_s = 0.0
            for image, pts_s, decoded_ns, corrupt in self._decode():
                if size not in (None, image.shape[:2]):
                    epoch += 1
                size = cast(tuple[int, int], image.shape[:2])
                if self._paced:
                    pace.wait(base_s + (pts_s or 0.0))
                captured_ns = time.monotonic_ns() if self._paced else decoded_ns
                frame = Frame.from_image(
                    image, index=index, source=self.name, epoch=epoch, pts_s=pts_s, captured_ns=captured_ns
                )
                yield replace(frame, corrupt=True) if corrupt else frame
                index, last_s = index + 1, pts_s or 0.0
                if self._closed:
                    return
            if not self._loop:
                break
            epoch, base_s = epoch + 1, base_s + last_s + 0.04
            self._container = self._open()
        if self.live and not self._paced and not self._closed:
            raise SourceError(
                f"{self._shown}: the stream ended; a live stream has no end, so its server is gone", "ended"
            )

    def _decode(self) -> Iterator[tuple[NDArray[np.uint8], float | None, int, bool]]:
        """Each image of the container with its time, its arrival, and whether the decoder reports it as damaged."""
        container, self._container = self._container, None
        if container is None:
            container = self._open()
        try:
            for decoded in container.decode(container.streams.video[0]):
                captured_ns = time.monotonic_ns()
                image = cast(NDArray[np.uint8], decoded.to_ndarray(format="rgb24"))
                turned = np.ascontiguousarray(np.rot90(image, decoded.rotation // 90)) if decoded.rotation else image
                yield turned, decoded.time, captured_ns, decoded.is_corrupt
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if not self._closed:
                cause, words = explain(error)
                raise SourceError(f"{self._shown}: {words}", cause) from error
        finally:
            container.close()

    def close(self) -> None:
        self._closed = True


def rate_of(stream: VideoStream) -> float | None:
    """The fps that the stream declares; None where it declares none, or an impossible one."""
    rate = stream.guessed_rate or stream.average_rate
    return None if rate is None or not 1 <= rate <= MAX_FPS else round(float(rate), 3)


def explain(error: BaseException) -> tuple[Cause, str]:
    """The cause of an FFmpeg error, and one line with the remedy."""
    number = getattr(error, "errno", None)
    match error:
        case av.error.ConnectionRefusedError():
            return "refused", "connection refused: nothing listens there; check that the server runs, and its port"
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return "auth", "401 unauthorized: wrong user or password; write rtsp://USER:PASSWORD@HOST/PATH"
        case av.error.HTTPNotFoundError():
            return "not_found", "404 not found: the server has no such path"
        case av.error.ExitError() | av.error.TimeoutError():
            return "timeout", SILENT
        case av.error.ProtocolNotFoundError():
            return "failed", "this FFmpeg does not know the protocol; use rtsp://, rtmp://, http:// or udp://"
        case av.error.FileNotFoundError():
            return "not_found", "no such file"
        case av.error.DecoderNotFoundError() | av.error.PatchWelcomeError():
            return "codec", "its codec cannot be decoded here; set the camera to H.264 or H.265"
        case av.error.InvalidDataError():
            return "corrupt", "not a video that can be read, or a server that does not answer"
        case _ if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return "refused", "no route to that host"
        case _ if number in (-errno.EIO, errno.EIO):
            return "not_found", "input/output error: the host does not resolve, or the connection broke"
        case _ if number == errno.ENODEV:
            return "unplugged", "the device is gone"
    return "failed", redact(str(getattr(error, "strerror", None) or error))


def open_file(path: Path, address: Address, *, name: str) -> VideoSource:
    """A recording: at full speed, or with `?realtime` at its own pace; `?loop` starts over at its end."""
    address.allow("realtime", "loop")
    paced, loop = address.flag("realtime"), address.flag("loop")
    if not path.exists():
        raise SourceError(f"{path}: no such file", "not_found")
    return VideoSource(
        lambda: av.open(str(path)),
        str(path),
        name=name,
        live=paced,
        paced=paced,
        loop=loop,
    )


def open_lavfi(graph: str, *, name: str) -> VideoSource:
    """A test source of FFmpeg; it is live where its graph has the `realtime` filter."""
    live = "realtime" in graph
    return VideoSource(
        lambda: av.open(graph, format="lavfi"),
        f"lavfi:{graph}",
        name=name,
        live=live,
        paced=False,
    )


def open_network(address: Address, *, name: str, read_s: float) -> VideoSource:
    """RTSP, RTMP, HTTP, MJPEG or HLS, tuned for low latency; `#transport=udp` for RTSP over UDP.

    A connection that sends nothing for `read_s` seconds is closed. An HTTP address that ends like a video file is a
    recording. Over TLS (rtsps, https, rtmps) the server's certificate must be signed by an authority of this system, or
    of `#ca=FILE.pem`; `#verify=0` accepts any certificate.
    """
    address.allow("transport", "realtime", "loop", "ca", "verify")
    if (transport := address.options.get("transport", "tcp")) not in TRANSPORTS:
        raise address.error(f"option transport={transport!r:.40} must be one of {', '.join(TRANSPORTS)}")
    url, recorded = address.target, is_recording(address)
    check_place(url)
    paced = address.flag("realtime")
    if address.scheme in ("rtsp", "rtsps"):
        read_s /= 2  # FFmpeg reads twice: at the first timeout it delivers its last frame

    def opener() -> InputContainer:
        chosen = trust(address) if recorded else options(address)
        try:
            return av.open(url, timeout=(OPEN_TIMEOUT_S, read_s), options=chosen)
        except av.error.FFmpegError as error:
            if why := distrusted(address):
                raise SourceError(f"{redact(url)}: {why}; give its own certificate with #ca=FILE.pem", "tls") from error
            raise

    if recorded:
        return VideoSource(
            opener,
            redact(url),
            name=name,
            live=paced,
            paced=paced,
            loop=address.flag("loop"),
        )
    return VideoSource(opener, redact(url), name=name, live=True)


def is_recording(address: Address) -> bool:
    """Whether an address is a video file on a web server."""
    name = address.target.split("?")[0].lower()
    return address.scheme in ("http", "https") and name.endswith(RECORDED_SUFFIXES)


def options(address: Address) -> dict[str, str]:
    """FFmpeg's options for a live address."""
    chosen = LIVE_OPTIONS | trust(address)
    if address.scheme in ("rtsp", "rtsps"):
        chosen["rtsp_transport"] = address.options.get("transport", "tcp")
    else:
        chosen |= PROBING
    return chosen
