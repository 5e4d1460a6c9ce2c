"""Where results go: `open_sink(uri)`."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import SinkError, UsageError
from streamer.keys import ServerKeys
from streamer.masks import CODECS, Codec
from streamer.types import Sink, TrackResult
from streamer.uris import parse, redact

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi")
PUSH_FORMATS = {"rtsp": "rtsp", "rtmp": "flv", "udp": "mpegts"}


class NullSink:
    """Takes everything and keeps nothing."""

    def write(self, result: TrackResult) -> None:
        pass

    def close(self) -> None:
        pass


def open_sink(uri: str, *, keys: ServerKeys | None = None) -> Sink:
    """The sink of a URI; the README lists them. With `keys` only those may subscribe who are in them.

    Raises UsageError or SinkError.
    """
    address = parse(uri)
    match address.scheme:
        case "null":
            return NullSink()
        case "zmq":
            from streamer.bus import Publisher

            address.allow("codec")
            codec = _codec(address.options.get("codec", "rle"))
            return Publisher(_endpoint(address.target), codec=codec, keys=keys)
        case "rtsp" | "rtmp" | "udp":
            from streamer.sinks.push import PushSink
            from streamer.sinks.retried import RetriedSink

            address.allow("fps", "size")
            fps, size = address.number("fps", 0), address.size("size", (0, 0))
            container_format = PUSH_FORMATS[address.scheme]
            return RetriedSink(
                lambda: PushSink(address.target, container_format, fps=fps or None, size=size if size[0] else None)
            )
        case "masks":
            from streamer.sinks.files import MaskFolderSink

            address.allow()
            return MaskFolderSink(_made(Path(address.target)))
        case "" | "file":
            return _open_path(Path(address.target.removeprefix("//")), uri)
        case scheme:
            raise UsageError(
                f"sink {redact(uri)!r}: unknown scheme {scheme!r}; use FILE.mp4, FILE.jsonl, masks:FOLDER, "
                "zmq:tcp://127.0.0.1:PORT, rtsp://, rtmp://, udp:// or null:"
            )


def _open_path(path: Path, uri: str) -> Sink:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        from streamer.sinks.video import VideoFileSink

        _made(path.parent)
        return VideoFileSink(path)
    if suffix in (".jsonl", ".ndjson"):
        from streamer.sinks.files import JsonLinesSink

        _made(path.parent)
        return JsonLinesSink(path)
    raise UsageError(
        f"sink {uri!r}: a file ends in {', '.join(VIDEO_SUFFIXES)} or .jsonl; a folder of masks is masks:{uri}"
    )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def _endpoint(target: str) -> str:
    """`zmq:tcp://127.0.0.1:5555`, or `zmq://127.0.0.1:5555` for short."""
    return f"tcp:{target}" if target.startswith("//") else target


def _codec(name: str) -> Codec:
    for codec in CODECS:
        if codec == name:
            return codec
    raise UsageError(f"mask codec {name!r} is unknown; known: {', '.join(CODECS)}")
