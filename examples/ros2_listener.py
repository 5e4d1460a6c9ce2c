"""Masks of `streamer run --sink ros2:/camera?labels=raw` in a node of rclpy, and a prompt back.

python3 ros2_listener.py        # with ROS 2 (rclpy, sensor_msgs, std_msgs) on this machine
"""

import json

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from std_msgs.msg import String

TYPES = {"mono8": np.uint8, "mono16": np.uint16}
MAX_AGE_S = 0.2


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("mask_listener")
    prompt = node.create_publisher(String, "/camera/prompt", 10)

    def on_labels(message: Image) -> None:
        labels = np.frombuffer(bytes(message.data), TYPES[message.encoding]).reshape(message.height, message.width)
        age_s = node.get_clock().now().nanoseconds / 1e9 - message.header.stamp.sec - message.header.stamp.nanosec / 1e9
        if age_s > MAX_AGE_S:
            node.get_logger().warning(f"stale by {age_s:.2f} s: stop")
            return
        for number in np.unique(labels[labels > 0]):
            print(f"object {number}: {np.count_nonzero(labels == number)} pixels, {age_s * 1000:.0f} ms old")

    node.create_subscription(Image, "/camera/labels", on_labels, 5)
    node.create_subscription(String, "/camera/ack", lambda answer: print("answer:", answer.data), 10)
    click = {"verb": "prompt", "points": [[320, 180]], "labels": [1]}
    node.create_timer(5.0, lambda: prompt.publish(String(data=json.dumps({"commands": [click]}))))
    rclpy.spin(node)


if __name__ == "__main__":
    main()
