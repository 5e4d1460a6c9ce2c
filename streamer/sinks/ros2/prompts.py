"""Prompts from topics: our commands as JSON on `prompt`, answered on `ack`, and clicks on `clicked_point`."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from streamer.bus.commands_json import ack_json, commands_of, request_id_of
from streamer.channel import Channel, Closed
from streamer.errors import CommandError, WireError
from streamer.process.threads import background
from streamer.rate_limit import TokenBucket
from streamer.sinks.ros2 import messages
from streamer.sinks.ros2.dds import DdsError, Participant, Reader, Waiting, Writer
from streamer.sinks.ros2.options import Ros2Options
from streamer.types import Ack, CameraInfo, Prompt, Request

log = logging.getLogger(__name__)
WAIT_S = 0.02  # how late an answer may be noticed
CLOSE_TIMEOUT_S = 1.0
RATE, BURST = 50.0, 100.0  # requests a second, and at once


class PromptReader:
    """Reads in a thread of its own; the answers are written there too, as they come."""

    def __init__(
        self,
        participant: Participant,
        options: Ros2Options,
        info: CameraInfo | None,
        commands: Channel[Request],
        ack: Writer,
    ) -> None:
        self._options = options
        self._info = info
        self._commands = commands
        self._ack = ack
        self._answers: Channel[str] = Channel(1024, lossy=True)
        self._bucket = TokenBucket(RATE, BURST)
        self._prompts = Reader(participant, f"rt{options.topic('prompt')}", "std_msgs/msg/String")
        self._clicks = Reader(participant, f"rt{options.topic('clicked_point')}", "geometry_msgs/msg/PointStamped")
        self._waiting = Waiting(participant, [self._prompts, self._clicks])
        self._thread = background(f"ros2 {options.namespace}", self._read)

    def close(self) -> None:
        self._answers.close()
        self._thread.join(CLOSE_TIMEOUT_S)

    def _read(self) -> None:
        try:
            while not self._answers.closed:
                self._waiting.wait(WAIT_S)
                for found in self._prompts.take():
                    self._take(found.data)
                for found in self._clicks.take():
                    self._click(found)
                for answer in self._answers.drain():
                    self._ack.write(messages.text(answer))
        except DdsError as error:
            log.warning("ros2:%s: prompts are not read any more: %s", self._options.namespace, error)

    def _take(self, text: str) -> None:
        identity = request_id_of(text)
        try:
            self._send(Request(commands_of(text), lambda ack: self._answer(ack, identity)), identity)
        except (CommandError, WireError) as error:
            self._answer(Ack(error=str(error)), identity)

    def _click(self, stamped: Any) -> None:
        """A new object at a pixel (z is 0), or at a point in the camera's frame in metres."""
        try:
            point = self._pixel(stamped.point.x, stamped.point.y, stamped.point.z)
            prompt = Prompt(points=(point,), labels=(1,))
            self._send(Request((prompt,), lambda ack: self._answer(ack, "clicked_point")), "clicked_point")
        except CommandError as error:
            self._answer(Ack(error=str(error)), "clicked_point")

    def _pixel(self, x: float, y: float, z: float) -> tuple[float, float]:
        if not z:
            return x, y
        if self._info is None:
            raise CommandError("a clicked point with z is in metres; the sink needs camera_info=FILE.yaml for it")
        if z < 0:
            raise CommandError(f"the clicked point is {-z:g} m behind the camera")
        return self._info.fx * x / z + self._info.cx, self._info.fy * y / z + self._info.cy

    def _send(self, request: Request, identity: object) -> None:
        try:
            if not self._bucket.take(time.monotonic()):
                self._answer(Ack(error=f"more than {RATE:g} requests a second; send fewer"), identity)
            elif not self._commands.offer(request):
                self._answer(Ack(error="too many commands are waiting; send fewer, or wait for answers"), identity)
        except Closed:
            self._answer(Ack(error="the stream has ended"), identity)

    def _answer(self, ack: Ack, identity: object) -> None:
        """Called in the tracking thread too."""
        try:
            self._answers.put(ack_json(ack, identity))
        except Closed:
            log.debug("an answer to %s came after the end", json.dumps(identity))
