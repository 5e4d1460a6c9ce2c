"""Masks as ROS 2 topics, and prompts back from them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from streamer.channel import Channel
from streamer.errors import SinkError
from streamer.events.types import Event, SourceEvent
from streamer.sinks.ros2 import messages
from streamer.sinks.ros2.dds import DdsError, Participant, Reader, Writer, guid_of
from streamer.sinks.ros2.options import Ros2Options, cyclone_config
from streamer.sinks.ros2.prompts import PromptReader
from streamer.sinks.ros2.types import array, header, message
from streamer.types import Request, TrackResult
from streamer.video.camera_info import read_camera_info

log = logging.getLogger(__name__)
STATUS_NS = 1_000_000_000
SELF_TEST_S = 3.0
LABEL_THRESHOLD = 0.5
EVENTS_DEPTH = 100
TOPICS = {
    "labels": ("sensor_msgs/msg/Image", False),
    "labels/compressed": ("sensor_msgs/msg/CompressedImage", False),
    "image/compressed": ("sensor_msgs/msg/CompressedImage", False),
    "label_info": ("vision_msgs/msg/LabelInfo", True),
    "camera_info": ("sensor_msgs/msg/CameraInfo", True),
    "detections": ("vision_msgs/msg/Detection2DArray", False),
    "detections_3d": ("vision_msgs/msg/Detection3DArray", False),
    "events": ("std_msgs/msg/String", False),
    "status": ("diagnostic_msgs/msg/DiagnosticArray", False),
    "ack": ("std_msgs/msg/String", False),
}


class Ros2Sink:
    """Publishes below a namespace. Raises SinkError, also at once where this Cyclone DDS does not work with us."""

    def __init__(self, options: Ros2Options, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._options = options
        self._clock_ns = clock_ns
        self._info = None if options.camera_info is None else read_camera_info(options.camera_info)
        self._ids: frozenset[int] | None = None
        self._last: TrackResult | None = None
        self._status_ns = self._results = 0
        self._lost = False
        self._prompts: PromptReader | None = None
        try:
            self._participant = Participant(options.domain, cyclone_config(options.reach, options.peers))
            self._test()
            self._writers = {name: self._writer(name) for name in self._names()}
            self._say_node()
        except (DdsError, AttributeError, OSError, _cyclone_error()) as error:
            raise self._failure(error) from error
        self.endpoint = f"ROS 2 domain {options.domain}, {options.namespace} ({options.reach})"

    def connect(self, commands: Channel[Request]) -> None:
        """Take prompts from topics, where that is wanted."""
        if self._options.prompts:
            self._prompts = PromptReader(self._participant, self._options, self._info, commands, self._writers["ack"])

    def write(self, result: TrackResult) -> None:
        at = header(result.frame.wall_ns, self._options.frame_id)
        try:
            self._write_labels(result, at)
            self._writers["detections"].write(messages.detections(result.tracks, at))
            if result.frame.depth is not None:
                self._writers["detections_3d"].write(messages.detections_3d(result.tracks, at))
            if "image/compressed" in self._writers:
                self._writers["image/compressed"].write(messages.jpeg_image(result.frame, at))
            if (camera := result.frame.camera or self._info) is not None:
                info = camera.scaled(result.frame.width, result.frame.height)
                self._writers["camera_info"].write(messages.camera_info(info, at))
            self._last, self._results, self._lost = result, self._results + 1, False
            self._write_status(result.frame.source)
        except DdsError as error:
            raise self._failure(error) from error

    def notify(self, event: Event) -> None:
        try:
            self._writers["events"].write(messages.event_text(event))
            if isinstance(event, SourceEvent):
                self._lost, self._status_ns = event.kind == "lost", 0
                self._write_status(event.source)
        except DdsError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        if self._prompts is not None:
            self._prompts.close()
        self._participant.close()

    def _names(self) -> list[str]:
        options = self._options
        left_out = set() if options.images else {"image/compressed"}
        left_out |= {"png": {"labels"}, "raw": {"labels/compressed"}, "both": set()}.get(
            options.labels, {"labels", "labels/compressed"}
        )
        left_out |= set() if options.prompts else {"ack"}
        return [name for name in TOPICS if name not in left_out]

    def _writer(self, name: str) -> Writer:
        kind, latched = TOPICS[name]
        depth = 1 if latched else EVENTS_DEPTH if name in ("events", "ack") else 5
        return Writer(self._participant, f"rt{self._options.topic(name)}", kind, depth=depth, latched=latched)

    def _write_labels(self, result: TrackResult, at: Any) -> None:
        if self._options.labels != "none":
            labels = messages.label_image(result)
            if "labels" in self._writers:
                self._writers["labels"].write(messages.raw_labels(labels, at))
            if "labels/compressed" in self._writers:
                self._writers["labels/compressed"].write(messages.png_labels(labels, at))
        ids = frozenset(track.object_id for track in result.tracks)
        if ids != self._ids:
            self._ids = ids
            self._writers["label_info"].write(messages.label_info(ids, {}, LABEL_THRESHOLD, at))

    def _write_status(self, source: str) -> None:
        """Once a second, and at once where the source fails or comes back."""
        now_ns = self._clock_ns()
        if now_ns - self._status_ns < STATUS_NS:
            return
        last = self._last
        rate = self._results * 1e9 / (now_ns - self._status_ns) if self._status_ns else 0.0
        values: dict[str, object] = {"results_per_s": f"{rate:.1f}"}
        if last is not None:
            states = [f"{track.object_id} {track.state}" for track in last.tracks]
            age_ms = (now_ns - last.frame.wall_ns) / 1e6
            values |= {"frame": last.frame.index, "age_ms": f"{age_ms:.0f}", "dropped": last.dropped}
            values["objects"] = ", ".join(states)
        level, summary = (messages.STALE, "source lost") if self._lost else (messages.OK, "tracking")
        self._writers["status"].write(messages.status(source, level, summary, values, now_ns))
        self._status_ns, self._results = now_ns, 0

    def _test(self) -> None:
        """Send a message to ourselves: an installed Cyclone that does not fit fails here, and not in silence."""
        name, kind = f"rt{self._options.topic('self_test')}", "std_msgs/msg/String"
        reader, writer = Reader(self._participant, name, kind), Writer(self._participant, name, kind)
        deadline = time.monotonic() + SELF_TEST_S
        while time.monotonic() < deadline:
            writer.write(messages.text("streamer"))
            if any(found.data == "streamer" for found in reader.take()):
                reader.close()
                writer.close()
                return
            time.sleep(0.02)
        raise DdsError("a message to ourselves did not come")

    def _say_node(self) -> None:
        """The message by which ROS knows that these topics belong to a node, and its name."""
        kind = "rmw_dds_common/msg/ParticipantEntitiesInfo"
        graph = Writer(self._participant, "ros_discovery_info", kind, depth=1, latched=True)

        def gid(identity: bytes) -> Any:
            return message("rmw_dds_common/Gid", array(identity))

        written = [gid(writer.guid) for writer in self._writers.values()]
        node = message("rmw_dds_common/NodeEntitiesInfo", "/", self._options.node, [], written)
        graph.write(message("rmw_dds_common/ParticipantEntitiesInfo", gid(guid_of(self._participant.ref)), [node]))
        self._graph = graph

    def _failure(self, error: Exception) -> SinkError:
        return SinkError(
            f"ros2:{self._options.namespace}: {error}; it needs a cyclonedds from 11.0.1 to below 12: "
            "pip install 'streamer[ros2]'"
        )


def _cyclone_error() -> type[Exception]:
    from cyclonedds.core import DDSException

    kind: type[Exception] = DDSException
    return kind
