"""A ROS 2 node that republishes a streamer's masks, for machines where cyclonedds has no wheel (Linux on ARM).

    python3 ros2_bridge.py tcp://192.168.1.10:5555 /camera tcp://192.168.1.10:5556

It runs with the machine's own ROS (rclpy, sensor_msgs, vision_msgs) and needs `pip install pyzmq msgpack opencv-python`
alone. Masks come in the codec png: start the streamer with `--sink "zmq:tcp://...:5555?codec=png" --control tcp://...:5556`.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import cv2
import msgpack
import numpy as np
import rclpy
import zmq
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

VERSION, TIMEOUT_MS, FRAME_ID = 1, 2000, "camera_optical_frame"


def main(endpoint: str, namespace: str, control: str = "") -> None:
    rclpy.init()
    node = rclpy.create_node("streamer_bridge")
    labels = node.create_publisher(CompressedImage, f"{namespace}/labels/compressed", 5)
    found = node.create_publisher(Detection2DArray, f"{namespace}/detections", 5)
    ack = node.create_publisher(String, f"{namespace}/ack", 10)
    node.create_subscription(String, f"{namespace}/prompt", lambda text: ack.publish(send(control, text.data)), 10)
    masks: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    masks.setsockopt(zmq.CONFLATE, 1)
    masks.setsockopt(zmq.SUBSCRIBE, b"")
    masks.connect(endpoint)
    while rclpy.ok():
        rclpy.spin_once(node, timeout_sec=0)
        if masks.poll(20):
            image, detections = messages(masks.recv())
            labels.publish(image)
            found.publish(detections)


def messages(data: bytes) -> tuple[Any, Any]:
    """Labels and detections of a message in the wire format; all carry the frame's capture time."""
    rest = data.partition(b"\0")[2]
    (length,) = struct.unpack_from("<I", rest)
    header: dict[str, Any] = msgpack.unpackb(rest[4 : 4 + length])
    blob = rest[4 + length :]
    assert header["v"] == VERSION, f"the streamer speaks version {header['v']}, and this bridge version {VERSION}"
    width, height = header["size"]
    canvas, image, detections = np.zeros((height, width), np.uint16), CompressedImage(), Detection2DArray()
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(header["wall_ns"], 10**9)
    image.header.frame_id = FRAME_ID
    detections.header = image.header
    for entry in header["objects"]:
        if entry["box"] is not None:
            (x0, y0, x1, y1), (at, size) = entry["box"], entry["at"]
            mask: Any = cv2.imdecode(np.frombuffer(blob[at : at + size], np.uint8), cv2.IMREAD_GRAYSCALE)
            canvas[y0:y1, x0:x1][mask > 0] = entry["id"]
            detections.detections.append(detection(entry, image.header))
    image.format, image.data = "mono16; png compressed ", cv2.imencode(".png", canvas)[1].tobytes()
    return image, detections


def detection(entry: dict[str, Any], header: object) -> Detection2D:
    x0, y0, x1, y1 = entry["box"]
    one, hypothesis = Detection2D(header=header, id=str(entry["id"])), ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = str(entry["id"]), float(entry["score"])
    one.results.append(hypothesis)
    one.bbox.center.position.x, one.bbox.center.position.y = (x0 + x1) / 2, (y0 + y1) / 2
    one.bbox.size_x, one.bbox.size_y = float(x1 - x0), float(y1 - y0)
    return one


def send(control: str, text: str) -> String:
    """Commands as JSON to the streamer; its answer as JSON."""
    socket: zmq.Socket[bytes]
    with zmq.Context.instance().socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(control)
            socket.send(msgpack.packb({"v": VERSION, "commands": json.loads(text)["commands"]}))
            answered: int = socket.poll(TIMEOUT_MS)
            return String(data=json.dumps(msgpack.unpackb(socket.recv()) if answered else {"error": "no answer"}))
        except (ValueError, KeyError, TypeError, zmq.ZMQError) as error:
            return String(data=json.dumps({"ok": False, "error": str(error)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
