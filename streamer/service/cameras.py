"""The cameras of one engine by name: added, changed, paused and removed at run time."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamer.config.settings import CameraSettings
from streamer.errors import StreamerError, UsageError
from streamer.service.build import build_source
from streamer.service.camera import STOP_TIMEOUT_S, Camera, Shared


class Cameras:
    """All cameras by name. They are changed from one thread at a time, and looked at from any."""

    def __init__(self, shared: Shared, forgotten: Callable[[str], None] = lambda _: None) -> None:
        """`forgotten` is called with the name of a camera that was removed."""
        self.shared = shared
        self._forgotten = forgotten
        self._cameras: dict[str, Camera] = {}

    def __getitem__(self, name: str) -> Camera:
        """Raises UsageError for one that there is not."""
        if name not in self._cameras:
            raise UnknownCameraError(
                f"there is no camera {name!r:.80}; there are: {', '.join(self._cameras) or 'none'}"
            )
        return self._cameras[name]

    def all(self) -> list[Camera]:
        return list(self._cameras.values())

    def add(self, name: str, settings: CameraSettings) -> Camera:
        """Begin with a camera; raises UsageError where the name is taken, and what opening it raises."""
        if name in self._cameras:
            raise UsageError(f"there is a camera {name!r} already; choose another name, or change that one")
        camera = Camera(name, self._private(settings), self.shared)
        camera.open()
        self._cameras[name] = camera
        camera.start()
        return camera

    def change(self, name: str, settings: CameraSettings) -> Camera:
        """Go on with other settings; objects stay where the tracking settings do.

        Invalid settings raise an error, and the camera continues with the settings that it had.
        """
        before, settings = self[name], self._private(settings)
        source = settings.source.model_copy(update={"reconnect": "always"})  # the device is still in use
        build_source(source).close()  # most mistakes are found here, with the camera running
        before.stop()
        camera = Camera(name, settings, self.shared, before)
        try:
            camera.open()
        except StreamerError:
            camera = Camera(name, before.settings, self.shared, before)
            raise
        finally:
            self._cameras[name] = camera
            camera.start()
        return camera

    def _private(self, settings: CameraSettings) -> CameraSettings:
        """The settings with the privacy of all cameras where they have none."""
        privacy = settings.privacy or self.shared.privacy
        return settings.model_copy(update={"privacy": privacy}) if privacy is not None else settings

    def remove(self, name: str) -> None:
        camera = self[name]
        del self._cameras[name]
        camera.stop()
        self.shared.fair_queue.forget(name)
        self._forgotten(name)

    def request_stop(self) -> None:
        """Have all of them end soon."""
        for camera in self.all():
            camera.request_stop()

    def close(self) -> None:
        """Stop all of them together."""
        self.request_stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for camera in self.all():
            camera.stop(max(0.0, deadline - time.monotonic()))


class UnknownCameraError(UsageError):
    """There is no camera of that name."""
