"""Sources: `open_source(uri)`, or `open_watched(settings)` for cameras and streams that are reconnected."""

from __future__ import annotations

from pathlib import Path

from streamer.config.settings import SourceSettings
from streamer.errors import UsageError
from streamer.ports import Source
from streamer.rate_limit import Backoff
from streamer.sources.watch import WatchedSource
from streamer.uris import NETWORK_SCHEMES, Address, parse, redact

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
GLOB_MARKS = ("*", "[")
READ_S = 5.0


def open_watched(settings: SourceSettings, backoff: Backoff | None = None) -> Source:
    """The source of the settings; a camera or a stream among them is watched, and reconnected when it fails.

    With `reconnect: after_start` it has to be available now (SourceError otherwise), with `always` it may also be
    unavailable at start-up, with `never` the first failure ends the run. `backoff` are the waits between attempts.
    Raises UsageError for a URI that makes no sense.
    """
    if settings.depth is not None:
        from streamer.sources.depth import WithDepth

        return WithDepth(open_watched(settings.model_copy(update={"depth": None}), backoff), settings.depth)
    uri, name = settings.uri, settings.name
    if settings.reconnect == "never" or not is_camera(uri):
        return open_source(uri, name=name)
    address = parse(uri)
    if address.scheme in ("http", "https"):  # HLS comes in segments: every frame of one is late but the last
        settings = settings.model_copy(update={"stale_s": None})
    known_as = name or _camera_name(address)

    def connect() -> Source:
        return open_source(uri, name=known_as, read_s=settings.stall_s)

    first = connect() if settings.reconnect == "after_start" else None
    return WatchedSource(connect, settings=settings, name=known_as, backoff=backoff, first=first)


def _camera_name(address: Address) -> str:
    """What messages call a camera or stream that was given no name."""
    if address.scheme in NETWORK_SCHEMES:
        return "stream"
    return f"camera{address.target or 0}" if address.scheme == "camera" else Path(address.target).name


def is_camera(uri: str) -> bool:
    """Whether a URI is of something live that may fail and come back."""
    address = parse(uri)
    if address.scheme in NETWORK_SCHEMES:
        from streamer.sources.video import is_recording

        return not is_recording(address)
    return address.scheme == "camera" or address.target.startswith("/dev/video")


def open_source(uri: str, *, name: str | None = None, read_s: float = READ_S) -> Source:
    """The source of a URI; docs/sources.md lists them. `name` is what messages call it.

    A network that is silent for `read_s` seconds has failed.

    Raises UsageError for a URI that makes no sense and SourceError for one that cannot be opened.
    """
    address = parse(uri)
    match address.scheme:
        case "scene":
            from streamer.sources.scene import SceneSource
            from streamer.video.scene import SceneSettings

            return SceneSource(SceneSettings.of(address), name=name or "scene")
        case "camera":
            from streamer.sources.webcam import WebcamSource

            return WebcamSource(address, name=name or _camera_name(address))
        case "lavfi":
            from streamer.sources.video import open_lavfi

            return open_lavfi(address.target, name=name or "lavfi")
        case scheme if scheme in NETWORK_SCHEMES:
            from streamer.sources.video import open_network

            return open_network(address, name=name or _camera_name(address), read_s=read_s)
        case "" | "file":
            return _open_path(address, uri, name)
        case scheme:
            raise UsageError(
                f"source {redact(uri)!r}: unknown scheme {scheme!r}; use a file, a folder, camera:0, rtsp://, rtmp://, "
                "http://, lavfi: or scene:"
            )


def is_there(path: Path) -> bool:
    """Whether a path exists; false also for a name that no file can have."""
    try:
        return path.exists()
    except OSError:
        return False


def _open_path(address: Address, uri: str, name: str | None) -> Source:
    if is_there(Path(uri)):  # a name that itself holds a question mark
        address = Address("", uri, {})
    path = Path(address.target.removeprefix("//"))
    if str(path).startswith("/dev/video"):
        from streamer.sources.webcam import WebcamSource

        return WebcamSource(address, name=name or path.name)
    if path.is_dir() or any(mark in path.name for mark in GLOB_MARKS) or path.suffix.lower() in IMAGE_SUFFIXES:
        from streamer.sources.images import ImageSource

        return ImageSource(path, address, name=name or path.stem.strip("*") or path.parent.name)
    from streamer.sources.video import open_file

    return open_file(path, address, name=name or path.stem)
