"""A node of real rclpy that listens to a streamer and prompts it; runs in an environment of ROS, and prints JSON.

`python ros_peer.py NAMESPACE SECONDS`; run in a network namespace. vision_msgs is read where it is built.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

try:
    from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo
except ImportError:
    Detection2DArray = Detection3DArray = LabelInfo = None

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Peer:
    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.node = rclpy.create_node("listener")
        self.counts: dict[str, int] = {}
        self.latency_ms: dict[str, list[float]] = {}
        self.stamps: dict[str, list[int]] = {}
        self.last: dict[str, Any] = {}
        self.digests: dict[int, str] = {}
        self.texts: dict[str, list[Any]] = {"ack": [], "events": []}

    def listen(self, name: str, kind: Any, qos: Any = 10) -> None:
        self.node.create_subscription(kind, f"{self.namespace}/{name}", self._noted(name), qos)

    def _noted(self, name: str) -> Callable[[Any], None]:
        def note(message: Any) -> None:
            now_ns = time.time_ns()
            self.counts[name] = self.counts.get(name, 0) + 1
            self.last[name] = message
            if name in self.texts:
                self.texts[name].append(json.loads(message.data))
            if hasattr(message, "header"):
                stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                self.latency_ms.setdefault(name, []).append((now_ns - stamp_ns) / 1e6)
                self.stamps.setdefault(name, []).append(stamp_ns)
                if name == "labels":
                    self.digests[stamp_ns] = hashlib.sha256(bytes(message.data)).hexdigest()

        return note

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            rclpy.spin_once(self.node, timeout_sec=0.02)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> dict[str, Any]:
    rclpy.init()
    peer = Peer(sys.argv[1])
    peer.listen("labels", Image)
    peer.listen("labels/compressed", CompressedImage)
    peer.listen("image/compressed", CompressedImage, qos_profile_sensor_data)
    peer.listen("events", String)
    peer.listen("ack", String)
    peer.listen("status", DiagnosticArray)
    if Detection2DArray is not None:
        peer.listen("detections", Detection2DArray)
        peer.listen("detections_3d", Detection3DArray)
    prompt = peer.node.create_publisher(String, f"{peer.namespace}/prompt", 10)
    click = peer.node.create_publisher(PointStamped, f"{peer.namespace}/clicked_point", 10)
    peer.spin(15, lambda: peer.counts.get("labels", 0) > 5 and prompt.get_subscription_count() > 0)
    peer.latency_ms.clear()
    peer.spin(float(sys.argv[2]))
    commands = [
        '{"request_id": "one", "commands": [{"verb": "prompt", "object_id": 9, "box": [10, 10, 60, 60]}]}',
        '{"verb": "dance"}',
        "no json",
    ]
    for text in commands:
        prompt.publish(String(data=text))
    peer.spin(5, lambda: len(peer.texts["ack"]) >= 3)
    point = PointStamped()
    point.point.x, point.point.y = 100.0, 80.0
    click.publish(point)
    peer.spin(5, lambda: len(peer.texts["ack"]) >= 4)
    peer.listen("camera_info", CameraInfo, LATCHED)  # late, so that what is latched comes
    if LabelInfo is not None:
        peer.listen("label_info", LabelInfo, LATCHED)
    peer.spin(3, lambda: "camera_info" in peer.last and (LabelInfo is None or "label_info" in peer.last))
    peer.spin(0.3)
    return report(peer)


def report(peer: Peer) -> dict[str, Any]:
    nodes = [name for name, _ in peer.node.get_node_names_and_namespaces()]
    found: dict[str, Any] = {
        "counts": peer.counts,
        "latency_ms": {
            name: [percentile(values, 0.5), percentile(values, 0.95)] for name, values in peer.latency_ms.items()
        },
        "same_stamps": {
            name: len(set(stamps) & set(peer.stamps.get("labels", []))) for name, stamps in peer.stamps.items()
        },
        "digests": {str(stamp): digest for stamp, digest in peer.digests.items()},
        "acks": peer.texts["ack"],
        "events": [event["event"] for event in peer.texts["events"]],
        "nodes": nodes,
        "topics": dict(peer.node.get_topic_names_and_types()),
        "hashes": {
            name: str(info[0].topic_type_hash)
            for name in ("labels", "detections")
            if (info := peer.node.get_publishers_info_by_topic(f"{peer.namespace}/{name}"))
        },
    }
    if "labels" in peer.last:
        last = peer.last["labels"]
        found["labels"] = [last.width, last.height, last.encoding, last.header.frame_id, sorted(set(last.data))]
    if "camera_info" in peer.last:
        info = peer.last["camera_info"]
        found["camera_info"] = [info.width, info.height, list(info.k), info.distortion_model, list(info.d)]
    if "label_info" in peer.last:
        found["label_info"] = {entry.class_id: entry.class_name for entry in peer.last["label_info"].class_map}
    if "detections" in peer.last:
        found["detections"] = {
            entry.id: [entry.results[0].hypothesis.score, entry.bbox.size_x, entry.bbox.size_y]
            for entry in peer.last["detections"].detections
        }
    if "detections_3d" in peer.last:
        found["detections_3d"] = {
            entry.id: [entry.bbox.center.position.x, entry.bbox.center.position.y, entry.bbox.center.position.z]
            for entry in peer.last["detections_3d"].detections
        }
    if "status" in peer.last:
        status = peer.last["status"].status[0]
        found["status"] = [status.name, status.message, {pair.key: pair.value for pair in status.values}]
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
