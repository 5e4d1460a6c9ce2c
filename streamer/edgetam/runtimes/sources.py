"""Where a runtime takes its graphs from. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from streamer.errors import ModelError

GraphFile = Any  # a path, or what a converter made where nothing could be written


class GraphSource(Protocol):
    """The graphs of one model, by name."""

    def get(self, graph: str) -> GraphFile:
        """A file that the runtime reads; raises ModelError."""

    def again(self, graph: str, error: Exception) -> GraphFile:
        """Once more, after the runtime could not read it; raises ModelError where that is of no use."""


@dataclass(frozen=True, slots=True)
class GraphFolder:
    """Files that came with the package, or that `streamer export` wrote."""

    folder: Path
    suffix: str

    def get(self, graph: str) -> Path:
        file = self.folder / f"{graph}{self.suffix}"
        if not file.exists():
            raise ModelError(f"{file}: no such file; write the folder again with streamer export")
        return file

    def again(self, graph: str, error: Exception) -> Path:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{self.get(graph)}: cannot be read ({reason}); write it again with streamer export")
