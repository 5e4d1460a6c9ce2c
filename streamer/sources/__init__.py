"""Where frames come from: `open_source(uri)`."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import UsageError
from streamer.types import Source
from streamer.uris import NETWORK_SCHEMES, Address, parse, redact

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
GLOB_MARKS = ("*", "[")


def open_source(uri: str, *, name: str | None = None) -> Source:
    """The source of a URI; the README lists them. `name` is what messages call it.

    Raises UsageError for a URI that makes no sense and SourceError for one that cannot be opened.
    """
    address = parse(uri)
    match address.scheme:
        case "scene":
            from streamer.sources.scene import SceneSource, Settings

            return SceneSource(Settings.of(address), name=name or "scene")
        case "camera":
            from streamer.sources.webcam import WebcamSource

            return WebcamSource(address, name=name or f"camera{address.target or 0}")
        case "lavfi":
            from streamer.sources.video import open_lavfi

            return open_lavfi(address.target, name=name or "lavfi")
        case scheme if scheme in NETWORK_SCHEMES:
            from streamer.sources.video import open_network

            return open_network(address, name=name or "stream")
        case "" | "file":
            return _open_path(address, uri, name)
        case scheme:
            raise UsageError(
                f"source {redact(uri)!r}: unknown scheme {scheme!r}; use a file, a folder, camera:0, rtsp://, rtmp://, "
                "http://, lavfi: or scene:"
            )


def _open_path(address: Address, uri: str, name: str | None) -> Source:
    if Path(uri).exists():  # a name that itself holds a question mark
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
