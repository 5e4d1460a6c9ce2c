"""Checks before anything is opened that no input of a pipeline is written over, or deleted."""

from __future__ import annotations

from pathlib import Path

from streamer.config.settings import PipelineSettings
from streamer.errors import UsageError
from streamer.process.files import refuse_overwriting
from streamer.sinks.rotated import is_part
from streamer.sources import source_address
from streamer.uris import Address, parse


def check_outputs(settings: PipelineSettings) -> None:
    """Raise UsageError where a sink or the state file is the source, or the mask of a prompt."""
    inputs = [*_source_paths(settings.source.uri), *(prompt.mask for prompt in settings.prompts if prompt.mask)]
    sinks = [parse(uri) for uri in settings.sinks]
    files = [path for sink in sinks if (path := _file(sink)) is not None]
    folders = [Path(sink.target) for sink in sinks if sink.scheme == "masks"]
    refuse_overwriting(inputs, [*files, *filter(None, [settings.state])], folders)
    for sink in sinks:
        path = _file(sink)
        for each in inputs if path is not None and "keep" in sink.options else ():
            if path is not None and is_part(path, each):
                raise UsageError(f"{each}: is an input, and a part that {sink.shown} may delete; give another name")
    _refuse_twice(files)


def _source_paths(uri: str) -> list[Path]:
    address = source_address(uri)
    if address.scheme not in ("", "file"):
        return []
    path = Path(address.target.removeprefix("//"))
    return [path] if path.exists() else [path.parent] if "*" in path.name else []


def _file(sink: Address) -> Path | None:
    if sink.scheme not in ("", "file", "journal") or not sink.target:
        return None
    return Path(sink.target.removeprefix("//"))


def _refuse_twice(files: list[Path]) -> None:
    for number, path in enumerate(files):
        if path.resolve() in [other.resolve() for other in files[:number]]:
            raise UsageError(f"sink {path}: is there twice; give each sink a file of its own")
