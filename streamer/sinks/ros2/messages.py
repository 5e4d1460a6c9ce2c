"""Results as messages of ROS: labels, detections, infos, events and status. All of one frame carry its capture time."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from streamer.events.fields import event_fields
from streamer.events.types import Event
from streamer.masks import labelled
from streamer.sinks.ros2.types import array, header, message
from streamer.types import CameraInfo, Frame, Position, Track, TrackResult
from streamer.video.jpeg import jpeg_of

NO_COVARIANCE = np.zeros(36)
OK, WARN, STALE = 0, 1, 3  # levels of diagnostic_msgs
UNLABELLED = "unlabelled"


def label_image(result: TrackResult) -> np.ndarray:
    """H x W: a pixel is the object's id; 8 bits, or 16 where an id does not fit."""
    size = (result.frame.height, result.frame.width)
    return labelled(size, ((track.object_id, track.mask) for track in result.tracks))


def encoding_of(labels: np.ndarray) -> str:
    return "mono8" if labels.dtype == np.uint8 else "mono16"


def raw_labels(labels: np.ndarray, at: Any) -> Any:
    height, width = labels.shape
    step = width * labels.itemsize
    return message("sensor_msgs/Image", at, height, width, encoding_of(labels), 0, step, array(labels))


def png_labels(labels: np.ndarray, at: Any) -> Any:
    data = cv2.imencode(".png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return message("sensor_msgs/CompressedImage", at, f"{encoding_of(labels)}; png compressed ", array(data))


def jpeg_image(frame: Frame, at: Any) -> Any:
    return message("sensor_msgs/CompressedImage", at, "rgb8; jpeg compressed bgr8", array(jpeg_of(frame)))


def label_info(ids: Collection[int], names: Mapping[int, str], threshold: float, at: Any) -> Any:
    """The name of each label; 0 is what no object covers."""
    classes = [(0, UNLABELLED), *((number, names.get(number, f"object {number}")) for number in sorted(ids))]
    entries = [message("vision_msgs/VisionClass", number, name) for number, name in classes if number < 2**16]
    return message("vision_msgs/LabelInfo", at, entries, threshold)


def camera_info(info: CameraInfo, at: Any) -> Any:
    everything = message("sensor_msgs/RegionOfInterest", 0, 0, 0, 0, False)
    matrices = (
        np.array(info.distortion),
        np.array(info.matrix),
        np.array(info.rectification),
        np.array(info.projection),
    )
    return message(
        "sensor_msgs/CameraInfo", at, info.height, info.width, info.distortion_model, *matrices, 0, 0, everything
    )


def detections(tracks: Sequence[Track], at: Any) -> Any:
    """The objects that are seen: `id` is the track's, the class is too, as text."""
    found = [_detection(track, at) for track in tracks if track.box is not None and track.state == "tracked"]
    return message("vision_msgs/Detection2DArray", at, found)


def _detection(track: Track, at: Any) -> Any:
    x0, y0, x1, y1 = track.box or (0, 0, 0, 0)
    centre = message("vision_msgs/Pose2D", message("vision_msgs/Point2D", (x0 + x1) / 2, (y0 + y1) / 2), 0.0)
    box = message("vision_msgs/BoundingBox2D", centre, float(x1 - x0), float(y1 - y0))
    return message("vision_msgs/Detection2D", at, [hypothesis(track, (0.0, 0.0, 0.0))], box, str(track.object_id))


def detections_3d(tracks: Sequence[Track], at: Any) -> Any:
    """The objects whose position is known, in metres in the camera's optical frame."""
    found = [
        _detection_3d(track, track.position, at) for track in tracks if track.position and track.state == "tracked"
    ]
    return message("vision_msgs/Detection3DArray", at, found)


def _detection_3d(track: Track, position: Position, at: Any) -> Any:
    size = message("geometry_msgs/Vector3", *position.extent_m)
    box = message("vision_msgs/BoundingBox3D", pose_at(position.centre_m), size)
    return message("vision_msgs/Detection3D", at, [hypothesis(track, position.centre_m)], box, str(track.object_id))


def hypothesis(track: Track, position: tuple[float, float, float]) -> Any:
    named = message("vision_msgs/ObjectHypothesis", str(track.object_id), float(track.score))
    pose = message("geometry_msgs/PoseWithCovariance", pose_at(position), NO_COVARIANCE)
    return message("vision_msgs/ObjectHypothesisWithPose", named, pose)


def pose_at(position: tuple[float, float, float]) -> Any:
    turned = message("geometry_msgs/Quaternion", 0.0, 0.0, 0.0, 1.0)
    return message("geometry_msgs/Pose", message("geometry_msgs/Point", *map(float, position)), turned)


def text(value: str) -> Any:
    return message("std_msgs/String", value)


def event_text(event: Event) -> Any:
    return text(json.dumps(event_fields(event)))


def status(name: str, level: int, summary: str, values: Mapping[str, object], wall_ns: int) -> Any:
    pairs = [message("diagnostic_msgs/KeyValue", key, str(value)) for key, value in values.items()]
    entry = message("diagnostic_msgs/DiagnosticStatus", level, f"streamer: {name}", summary, name, pairs)
    return message("diagnostic_msgs/DiagnosticArray", header(wall_ns, ""), [entry])
