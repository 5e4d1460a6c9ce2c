"""ROS 2 without ROS: options, messages as bytes, and a camera's info."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.errors import UsageError
from streamer.sinks.ros2 import messages
from streamer.sinks.ros2.options import Ros2Options, cyclone_config
from streamer.sinks.ros2.types import header, store
from streamer.types import CameraInfo
from streamer.uris import parse
from streamer.video.camera_info import read_camera_info
from tests.fakes import result, track

NS = 1_700_000_000_123_456_789
YAML = """
image_width: 640
image_height: 360
camera_matrix: {rows: 3, cols: 3, data: [500, 0, 319.5, 0, 510, 179.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
"""


def options(uri: str, **environment: str) -> Ros2Options:
    return Ros2Options.of(parse(uri), environment)


def test_an_address_says_where_and_what():
    found = options("ros2:/cam/left?domain=7&frame_id=cam_optical&labels=both&images=jpeg&node=eye&prompts=0")
    assert (found.topic("labels"), found.domain, found.frame_id, found.node) == (
        "/cam/left/labels",
        7,
        "cam_optical",
        "eye",
    )
    assert (found.labels, found.images, found.prompts, found.reach) == ("both", True, False, "localhost")


def test_the_variables_of_ros_are_honoured():
    found = options(
        "ros2:/cam", ROS_DOMAIN_ID="42", ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET", ROS_STATIC_PEERS="a;10.0.0.2"
    )
    assert (found.domain, found.reach, found.peers) == (42, "subnet", ("a", "10.0.0.2"))
    assert options("ros2:/cam", ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET", ROS_LOCALHOST_ONLY="1").reach == "localhost"
    assert options("ros2:/cam?domain=3&range=localhost", ROS_DOMAIN_ID="42").domain == 3
    assert options("ros2:/cam", ROS_AUTOMATIC_DISCOVERY_RANGE="OFF", ROS_STATIC_PEERS="a").peers == ()


def test_only_the_subnet_is_asked_by_multicast():
    assert 'name="lo"' in cyclone_config("localhost", ()) and 'address="127.0.0.1"' in cyclone_config("localhost", ())
    assert ">spdp<" in cyclone_config("subnet", ()) and "127.0.0.1" not in cyclone_config("subnet", ())
    assert "Peer" not in cyclone_config("off", ()).replace("Peers", "")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("ros2:cam", "is no namespace of ROS"),
        ("ros2:/", "is no namespace of ROS"),
        ("ros2:/9cam", "is no namespace of ROS"),
        ("ros2:/a__b", "is no namespace of ROS"),
        ("ros2:/cam/", "is no namespace of ROS"),
        ("ros2:/my-cam", "is no namespace of ROS"),
        ("ros2:/cam?domain=233", "domain '233' .* is not from 0 to 232"),
        ("ros2:/cam?domain=-1", "is not from 0 to 232"),
        ("ros2:/cam?frame_id=/map", "is no frame of tf2"),
        ("ros2:/cam?node=my-node", "is no name of ROS"),
        ("ros2:/cam?labels=jpeg", "known: png, raw, both, none"),
        ("ros2:/cam?range=galaxy", "known: localhost, subnet, off"),
        ("ros2:/cam?codec=rle", "unknown option"),
    ],
)
def test_what_ros_refuses_is_one_line(uri: str, message: str):
    with pytest.raises(UsageError, match=message) as error:
        options(uri)
    assert "\n" not in str(error.value)


def test_messages_are_bytes_that_ros_reads_back():
    one = result(ids=(1, 300))
    at = header(NS, "cam")
    labels = messages.label_image(one)
    for kind, made in {
        "sensor_msgs/msg/Image": messages.raw_labels(labels, at),
        "sensor_msgs/msg/CompressedImage": messages.png_labels(labels, at),
        "vision_msgs/msg/Detection2DArray": messages.detections(one.tracks, at),
        "vision_msgs/msg/LabelInfo": messages.label_info({1, 300}, {1: "cat"}, 0.5, at),
    }.items():
        read = store().deserialize_cdr(store().serialize_cdr(made, kind), kind)
        assert (read.header.stamp.sec * 10**9 + read.header.stamp.nanosec, read.header.frame_id) == (NS, "cam")
    image = messages.raw_labels(labels, at)
    assert (image.encoding, image.step, image.height) == ("mono16", 2 * image.width, 48)
    assert np.array_equal(image.data.view(np.uint16).reshape(48, 64), labels)
    info = messages.label_info({1, 300}, {1: "cat"}, 0.5, at)
    assert [(entry.class_id, entry.class_name) for entry in info.class_map] == [
        (0, "unlabelled"), (1, "cat"), (300, "object 300")
    ]  # fmt: skip


def test_only_objects_that_are_seen_are_detections():
    at = header(NS, "cam")
    hidden = replace(track(2), state="lost")
    (found,) = messages.detections((track(1), hidden), at).detections
    assert (found.id, found.bbox.size_x, found.bbox.size_y) == ("1", 17.0, 8.0)
    assert (found.bbox.center.position.x, found.results[0].hypothesis.score) == (11.5, 0.9)


def test_a_cameras_yaml_is_read_and_scaled(tmp_path: Path):
    file = tmp_path / "cam.yaml"
    file.write_text(YAML)
    info = read_camera_info(file)
    assert (info.fx, info.fy, info.cx, info.cy, info.distortion[0]) == (500, 510, 319.5, 179.5, 0.1)
    half = info.scaled(320, 180)
    assert (half.fx, half.fy, half.cx, half.cy) == (250, 255, 159.5, 89.5)
    with pytest.raises(UsageError, match="another shape"):
        info.scaled(640, 480)
    made = messages.camera_info(info, header(NS, "cam"))
    kind = "sensor_msgs/msg/CameraInfo"
    assert store().deserialize_cdr(store().serialize_cdr(made, kind), kind).k.tolist() == list(info.matrix)


def test_the_rays_of_a_camera_meet_the_plane_at_one_metre():
    x, y = CameraInfo(100, 80, 50, 40, 49.5, 39.5).rays(np.array([99.5]), np.array([39.5]))
    assert (x[0], y[0]) == (1.0, 0.0)
    bent = CameraInfo(100, 80, 50, 40, 49.5, 39.5, distortion=(0.1, 0, 0, 0, 0)).rays(
        np.array([99.5]), np.array([39.5])
    )
    assert bent[0][0] == pytest.approx(0.917, abs=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("640", "wide", "image_width is a number of pixels"),
        ("500, 0, 319.5", "0, 0, 319.5", "camera_matrix is none"),
        ("[500, 0, 319.5, 0, 510, 179.5, 0, 0, 1]", "[1, 2]", "camera_matrix is 9 finite numbers"),
        ("500, 0, 319.5", ".nan, 0, 319.5", "camera_matrix is 9 finite numbers"),
        ("plumb_bob", "banana", "distortion_model 'banana' is unknown"),
        ("[0.1, 0, 0, 0, 0]", "[0.1]", "distortion_coefficients is 5 finite numbers"),
        ("image_width: 640", "- a\n- b: [", "is not YAML"),
    ],
)
def test_a_camera_matrix_that_is_none_is_one_line(tmp_path: Path, old: str, new: str, message: str):
    file = tmp_path / "cam.yaml"
    file.write_text(YAML.replace(old, new))
    with pytest.raises(UsageError, match=message) as error:
        read_camera_info(file)
    assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)
