"""Sources: `open_source(uri)`, or `open_watched(settings)` for cameras and streams that are reconnected."""

from __future__ import annotations

from pathlib import Path

from streamer.config.settings import SourceSettings
from streamer.errors import UsageError
from streamer.images import SUFFIXES, is_image
from streamer.ports import Source
from streamer.process.files import exists
from streamer.rate_limit import Backoff
from streamer.sources.watch import WatchedSource
from streamer.uris import NETWORK_SCHEMES, Address, parse, redact

READ_S = 5.0
HTTP = ("http", "https")


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
    address = source_address(uri)
    if address.scheme in HTTP:  # HLS comes in segments: every frame of one is late but the last
        settings = settings.model_copy(update={"stale_s": None} | _snapshot_limits(address, settings))
    known_as = name or _camera_name(address)

    def connect() -> Source:
        return open_source(uri, name=known_as, read_s=settings.stall_s)

    first = connect() if settings.reconnect == "after_start" else None
    return WatchedSource(connect, settings=settings, name=known_as, backoff=backoff, first=first)


def _snapshot_limits(address: Address, settings: SourceSettings) -> dict[str, float | None]:
    """Snapshots may be far apart, and equal; other streams have the limits of the settings."""
    from streamer.sources.http_address import kind_of
    from streamer.sources.snapshot import fps_of

    if kind_of(address) != "snapshot":
        return {}
    return {"frozen_s": None, "stall_s": settings.stall_s + 1 / fps_of(address)}


def _camera_name(address: Address) -> str:
    """What messages call a camera or stream that was given no name."""
    if address.scheme in NETWORK_SCHEMES:
        return "stream"
    return f"camera{address.target or 0}" if address.scheme == "camera" else Path(address.target).name


def source_address(uri: str) -> Address:
    """The parts of a source's URI. What exists is that file, whatever its name holds; options follow its last `?`."""
    name, options = uri, ""
    while not exists(name):
        name, found, rest = name.rpartition("?")
        if not found:
            return parse(uri)
        options = f"?{rest}{options.replace('?', '&')}"
    return Address("", name, parse(f"./{options}").options)


def is_camera(uri: str) -> bool:
    """Whether a URI is of something live that may fail and come back."""
    address = source_address(uri)
    if address.scheme in NETWORK_SCHEMES:
        if address.scheme not in HTTP:
            return True
        from streamer.sources.http_address import kind_of

        return kind_of(address) != "recording"
    return address.scheme == "camera" or address.target.startswith("/dev/video")


def _is_glob(path: Path) -> bool:
    """Whether a name is a pattern of images; `My clip [abc].mp4` is the name of a video."""
    return "*" in path.name or ("[" in path.name and path.suffix.lower() in SUFFIXES)


def open_source(uri: str, *, name: str | None = None, read_s: float = READ_S) -> Source:
    """The source of a URI; docs/sources.md lists them. `name` is what messages call it.

    A network that is silent for `read_s` seconds has failed.

    Raises UsageError for a URI that makes no sense and SourceError for one that cannot be opened.
    """
    address = source_address(uri)
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
            return _open_network(address, name=name or _camera_name(address), read_s=read_s)
        case "" | "file":
            return _open_path(address, name)
        case scheme:
            raise UsageError(
                f"source {redact(uri)!r}: unknown scheme {scheme!r}; use a file, a folder, camera:0, rtsp://, rtmp://, "
                "http://, lavfi: or scene:; a file whose name holds a colon does not exist here"
            )


def _open_network(address: Address, *, name: str, read_s: float) -> Source:
    if address.scheme in HTTP:
        from streamer.sources.http_address import kind_of

        if kind_of(address) == "snapshot":
            from streamer.sources.snapshot import SnapshotSource

            address.allow("fps", "ca", "verify")
            return SnapshotSource(address, name=name, read_s=read_s)
    from streamer.sources.video import open_network

    return open_network(address, name=name, read_s=read_s)


def _open_path(address: Address, name: str | None) -> Source:
    if not address.target:
        raise UsageError(
            "source: the name is empty; give a file, a folder, camera:0, rtsp://, http://, lavfi: or scene:"
        )
    path = Path(address.target.removeprefix("//"))
    if str(path).startswith("/dev/video"):
        from streamer.sources.webcam import WebcamSource

        return WebcamSource(address, name=name or path.name)
    if is_image(path) or (path.is_dir() if exists(path) else _is_glob(path)):
        from streamer.sources.images import ImageSource

        return ImageSource(path, address, name=name or path.stem.strip("*") or path.parent.name)
    from streamer.sources.video import open_file

    return open_file(path, address, name=name or path.stem)
