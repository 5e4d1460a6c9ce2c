"""Where results go: `open_sink(uri)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config.load import checked
from streamer.config.settings import EventSettings
from streamer.errors import SinkError, UsageError
from streamer.masks import CODECS, Codec
from streamer.ports import AnySink, Sink
from streamer.sinks import optional
from streamer.types import TrackResult
from streamer.uris import Address, check_place, parse, redact

if TYPE_CHECKING:
    from streamer.bus.curve import ServerKeys
    from streamer.sinks.rotated import Rotation

MAX_PORT = 65535
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
PUSH_FORMATS = {"rtsp": "rtsp", "rtmp": "flv", "udp": "mpegts"}


class NullSink:
    """Accepts results and writes nothing."""

    def write(self, result: TrackResult) -> None:
        pass

    def close(self) -> None:
        pass


def open_sink(uri: str, *, keys: ServerKeys | None = None) -> AnySink:
    """The sink of a URI; docs/sinks.md lists them. With `keys` only clients whose key is listed may subscribe.

    Raises UsageError or SinkError.
    """
    address = parse(uri)
    match address.scheme:
        case "null":
            address.allow()
            address.without_target()
            return NullSink()
        case "zmq":
            return _publisher(address, keys)
        case "rtsp" | "rtmp" | "udp":
            return _push(address)
        case "ros2":
            return optional.ros2(address)
        case "foxglove":
            return optional.foxglove(address, *_host_and_port(address))
        case "mjpeg":
            from streamer.sinks.mjpeg import MjpegSink

            address.allow()
            return MjpegSink(*_host_and_port(address))
        case "journal":
            return _journal(address)
        case "masks":
            from streamer.sinks.files import MaskFolderSink

            address.allow()
            return MaskFolderSink(_created(_path_in(address, "masks:FOLDER")))
        case "" | "file":
            return _open_path(Path(address.target.removeprefix("//")), address)
        case scheme:
            raise UsageError(
                f"sink {redact(uri)!r}: unknown scheme {scheme!r}; use FILE.mp4, FILE.jsonl, FILE.mcap, masks:FOLDER, "
                "journal:FILE.sqlite, mjpeg:127.0.0.1:PORT, ros2:/NAME, foxglove:127.0.0.1:PORT, "
                "zmq:tcp://127.0.0.1:PORT, rtsp://, rtmp://, udp:// or null:"
            )


def _path_in(address: Address, form: str) -> Path:
    """The path of an address that needs one; raises UsageError."""
    if not address.target or "\0" in address.target:
        raise UsageError(f"sink {address.scheme}:{address.target!r:.80}: a path is missing; write {form}")
    return Path(address.target)


def _publisher(address: Address, keys: ServerKeys | None) -> AnySink:
    from streamer.bus.publisher import Publisher

    address.allow("codec")
    codec = _codec(address.options.get("codec", "rle"))
    return Publisher(_endpoint(address.target), codec=codec, keys=keys)


def _push(address: Address) -> AnySink:
    """A push that is started again after each failure."""
    from streamer.sinks.push import PushSink
    from streamer.sinks.retried import RetriedSink

    address.allow("fps", "size")
    check_place(address.target)
    fps, size = address.number("fps", 0, above=0, at_most=1000), address.size("size", (0, 0))
    container_format = PUSH_FORMATS[address.scheme]
    return RetriedSink(
        lambda: PushSink(address.target, container_format, fps=fps or None, size=size if size[0] else None)
    )


def _journal(address: Address) -> AnySink:
    from streamer.events.journal_sink import JournalSink
    from streamer.events.receivers import receivers_of

    address.allow("days", "max_size_mb", "webhook", "mqtt", "mqtt_discovery")
    settings = checked(
        EventSettings, {"file": _path_in(address, "journal:FILE.sqlite"), **address.options}, f"sink {address.shown}"
    )
    return JournalSink(settings, receivers_of(settings))


def _open_path(path: Path, address: Address) -> Sink:
    """One file; with a limit, in parts; with `required=0`, in a new file after each failure."""
    from streamer.sinks.rotated import RotatedSink, unused

    opener = _file_opener(path, address)
    address.allow("every", "max_size_mb", "keep", "required", *(["images"] if path.suffix.lower() == ".mcap" else []))
    rotation = _rotation(address)
    _created(path.parent)
    if not address.flag("required", default=True):
        from streamer.sinks.retried import RetriedSink

        if rotation is None:
            return RetriedSink(lambda: opener(unused(path)))
        return RetriedSink(lambda: RotatedSink(path, rotation, opener))
    return opener(path) if rotation is None else RotatedSink(path, rotation, opener)


def _file_opener(path: Path, address: Address) -> Callable[[Path], Sink]:
    if path.suffix.lower() == ".mcap":
        return optional.mcap_opener(address)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        from streamer.video.recording import VideoFileSink

        return VideoFileSink
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        from streamer.sinks.files import JsonLinesSink

        return JsonLinesSink
    raise UsageError(
        f"sink {str(path)!r}: a file ends in {', '.join(VIDEO_SUFFIXES)}, .jsonl or .mcap; "
        f"a folder of masks is masks:{path}"
    )


def _rotation(address: Address) -> Rotation | None:
    """The limits of a part in the options; raises UsageError."""
    from streamer.sinks.rotated import Rotation

    every_s = address.number("every", 0, above=0) or None
    size_mb = address.number("max_size_mb", 0, above=0) or None
    keep = address.count("keep", 0, at_least=1) or None
    if every_s is None and size_mb is None:
        if keep is not None:
            raise address.error("option keep needs every=SECONDS or max_size_mb=MEGABYTES")
        return None
    return Rotation(every_s, None if size_mb is None else size_mb * 1e6, keep)


def _created(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder}: cannot be created: {error.strerror}") from error
    return folder


def _endpoint(target: str) -> str:
    """`zmq:tcp://127.0.0.1:5555`, or `zmq://127.0.0.1:5555` for short."""
    return f"tcp:{target}" if target.startswith("//") else target


def _host_and_port(address: Address) -> tuple[str, int]:
    """Of an address such as `mjpeg:127.0.0.1:8080`; raises UsageError."""
    host, _, port = address.target.removeprefix("//").strip("/").rpartition(":")
    if not host or not port.isdecimal() or int(port) > MAX_PORT:
        raise UsageError(f"sink {address.scheme}:{address.target}: use {address.scheme}:127.0.0.1:PORT")
    return host, int(port)


def _codec(name: str) -> Codec:
    for codec in CODECS:
        if codec == name:
            return codec
    raise UsageError(f"mask codec {name!r:.40} is unknown; known: {', '.join(CODECS)}")
