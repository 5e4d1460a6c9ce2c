"""The synthetic scene as a source: a recording, or a live camera."""

from __future__ import annotations

from collections.abc import Iterator

from streamer.sources.pace import Pace
from streamer.types import Frame
from streamer.video.scene import Scene, SceneSettings


class SceneSource:
    """The scene as a recording, or with `?realtime` as a live camera; `frames=0` never ends."""

    def __init__(self, settings: SceneSettings, *, name: str) -> None:
        self.name = name
        self.live = settings.realtime
        self.nominal_fps, self.codec = settings.fps, ""
        self.scene = Scene(settings)
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        pace, index, settings = Pace(), 0, self.scene.settings
        while not self._closed and (settings.frames == 0 or index < settings.frames):
            image, _ = self.scene.draw(index)
            if self.live:
                pace.wait(index / settings.fps)
            yield Frame.from_image(image, index=index, source=self.name, pts_s=index / settings.fps)
            index += 1

    def close(self) -> None:
        self._closed = True
