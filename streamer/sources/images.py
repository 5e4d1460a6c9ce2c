"""A folder or glob of still images as a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streamer.errors import SourceError, UsageError
from streamer.images import SUFFIXES, is_image, natural, read_image
from streamer.process.files import exists
from streamer.sources.pace import Pace
from streamer.types import Frame
from streamer.uris import Address

DEFAULT_FPS = 25.0


class ImageSource:
    """Images in the natural order of their names. `?fps=N` sets their frame rate, `?realtime` plays them at it."""

    def __init__(self, path: Path, address: Address, *, name: str) -> None:
        address.allow("fps", "realtime", "loop")
        self.name = name
        self.live = address.flag("realtime")
        self._loop = address.flag("loop")
        self._fps = address.number("fps", DEFAULT_FPS, at_least=0.01, at_most=1000)
        self._paths = image_files(path)
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        pace, index, epoch = Pace(), 0, 0
        size: tuple[int, int] | None = None
        while not self._closed:
            for path in self._paths:
                if self._closed:
                    return
                if self.live:
                    pace.wait(index / self._fps)
                frame = _read(path, index, epoch, index / self._fps, self.name)
                if size not in (None, (frame.width, frame.height)):
                    epoch += 1
                    frame = replace(frame, epoch=epoch)
                size = frame.width, frame.height
                yield frame
                index += 1
            if not self._loop:
                return
            epoch += 1

    def close(self) -> None:
        self._closed = True


def image_files(path: Path) -> list[Path]:
    """The images of a folder or of a glob, `frame_2` before `frame_10`; raises SourceError where there are none."""
    if exists(path) and path.is_dir():
        found = [entry for entry in path.iterdir() if is_image(entry)]
    elif exists(path):
        found = [path]
    else:
        found = [entry for entry in path.parent.glob(path.name) if is_image(entry)]
    if not found:
        raise SourceError(f"{path!s:.200}: no images there ({', '.join(sorted(SUFFIXES))})")
    return sorted(found, key=natural)


def _read(path: Path, index: int, epoch: int, pts_s: float, name: str) -> Frame:
    try:
        image = read_image(path)
    except UsageError as error:
        raise SourceError(str(error)) from error
    return Frame.from_image(image, index=index, source=name, epoch=epoch, pts_s=pts_s)
