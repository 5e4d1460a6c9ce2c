"""A folder or glob of still images as a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from streamer.errors import SourceError
from streamer.sources import IMAGE_SUFFIXES
from streamer.sources.pace import Pace
from streamer.types import Frame
from streamer.uris import Address

DEFAULT_FPS = 25.0


class ImageSource:
    """Images in the order of their names. `?fps=N` sets their frame rate, `?realtime` plays them at it."""

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
        while not self._closed:
            for path in self._paths:
                if self._closed:
                    return
                if self.live:
                    pace.wait(index / self._fps)
                yield _read(path, index, epoch, index / self._fps, self.name)
                index += 1
            if not self._loop:
                return
            epoch += 1

    def close(self) -> None:
        self._closed = True


def image_files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [entry for entry in path.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES]
    elif path.exists():
        found = [path]
    else:
        found = [entry for entry in path.parent.glob(path.name) if entry.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        raise SourceError(f"{path}: no images there ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(found)


def _read(path: Path, index: int, epoch: int, pts_s: float, name: str) -> Frame:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{path}: cannot be read as an image")
    return Frame.from_image(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index=index, source=name, epoch=epoch, pts_s=pts_s)
