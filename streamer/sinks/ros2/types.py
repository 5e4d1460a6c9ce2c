"""ROS messages by their names: the types of Jazzy, and those of vision_msgs 4."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

HEADER = "std_msgs/Header header\n"
VISION = {  # the fields of vision_msgs 4 (ROS 2 Humble and newer)
    "VisionClass": "uint16 class_id\nstring class_name",
    "LabelInfo": HEADER + "vision_msgs/VisionClass[] class_map\nfloat32 threshold",
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "Detection2D": HEADER + "vision_msgs/ObjectHypothesisWithPose[] results\nvision_msgs/BoundingBox2D bbox\nstring id",
    "Detection2DArray": HEADER + "vision_msgs/Detection2D[] detections",
    "Detection3D": HEADER + "vision_msgs/ObjectHypothesisWithPose[] results\nvision_msgs/BoundingBox3D bbox\nstring id",
    "Detection3DArray": HEADER + "vision_msgs/Detection3D[] detections",
}


@lru_cache(maxsize=1)
def store() -> Any:
    """The type store."""
    types = get_typestore(Stores.ROS2_JAZZY)
    found: dict[Any, Any] = {}
    for name, text in VISION.items():
        found.update(get_types_from_msg(text, f"vision_msgs/msg/{name}"))
    types.register(found)
    return types


def message(name: str, *fields: Any) -> Any:
    """A message of `package/Name`."""
    package, kind = name.split("/")
    return store().types[f"{package}/msg/{kind}"](*fields)


def header(wall_ns: int, frame_id: str) -> Any:
    stamp = message("builtin_interfaces/Time", wall_ns // 10**9, wall_ns % 10**9)
    return message("std_msgs/Header", stamp, frame_id)


def array(values: bytes | np.ndarray) -> np.ndarray:
    """Bytes as a message holds them."""
    return np.frombuffer(values, np.uint8) if isinstance(values, bytes) else values.reshape(-1).view(np.uint8)
