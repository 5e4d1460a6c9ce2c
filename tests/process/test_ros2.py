"""Masks to real rclpy and prompts back, in a network namespace; on Kilted and on Jazzy."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamer.replay.run_log import open_run
from streamer.sinks.ros2.messages import label_image
from streamer.types import TrackResult
from tests.requirements import program, require, tool_python

pytestmark = pytest.mark.timeout(110)
PEER = Path(__file__).with_name("ros_peer.py")
ROOT = Path(__file__).parents[2]
CAMERA = """
image_width: 640
image_height: 360
camera_matrix: {rows: 3, cols: 3, data: [500, 0, 320, 0, 500, 180, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
"""
BUFFERS = """<?xml version="1.0" encoding="UTF-8" ?>
<profiles xmlns="http://www.eprosima.com"><transport_descriptors><transport_descriptor>
<transport_id>udp</transport_id><type>UDPv4</type><receiveBufferSize>4194304</receiveBufferSize>
</transport_descriptor></transport_descriptors><participant profile_name="all" is_default_profile="true"><rtps>
<userTransports><transport_id>udp</transport_id></userTransports><useBuiltinTransports>false</useBuiltinTransports>
</rtps></participant></profiles>
"""


def heard(folder: Path, python: Path, *, domain: str = "0", seconds: float = 3.0) -> dict[str, Any]:
    """What a node of ROS heard of a run on the scene, both alone in a network namespace."""
    (folder / "cam.yaml").write_text(CAMERA)
    (folder / "buffers.xml").write_text(BUFFERS)
    sink = f"ros2:/cam?labels=both&images=jpeg&camera_info={folder}/cam.yaml"
    run = [sys.executable, "-m", "streamer", "run", "--source", "scene:?objects=2&frames=0&realtime&fps=30"]
    run += ["--model", "still", "--box", "1:truth", "--box", "2:truth", "--seconds", "40", "--sink", sink]
    run += ["--sink", f"{folder}/run.mcap?images=none"]
    script = f'ip link set lo up; "$@" >{folder}/log 2>&1 & trap "kill -INT $!; wait" EXIT; '
    peer = f"env -u PYTHONPATH {python} {PEER} /cam {seconds}"
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "ROS_DOMAIN_ID": domain,
        "ROS_LOG_DIR": str(folder),
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(folder / "buffers.xml"),
        "FASTDDS_DEFAULT_PROFILES_FILE": str(folder / "buffers.xml"),
    }
    done = subprocess.run(
        ["unshare", "-n", "bash", "-c", script + peer, "_", *run],
        capture_output=True, text=True, timeout=100, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:] + (folder / "log").read_text()[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("distribution", "domain"), [("kilted", "0"), ("jazzy", "42")])
def test_a_node_of_ros_reads_labels_infos_status_and_prompts_back(tmp_path: Path, distribution: str, domain: str):
    require("root", os.geteuid() == 0, "run as root")
    require("netns", program("unshare") and program("ip"), "apt-get install iproute2 util-linux")
    python = tool_python(distribution)
    require("ros2", python, f"scripts/tool_environments {distribution}")
    found = heard(tmp_path, python, domain=domain)

    assert found["counts"]["labels"] > 60 and found["counts"]["labels/compressed"] > 60
    assert found["same_stamps"]["labels/compressed"] >= 0.95 * found["counts"]["labels"]
    assert found["labels"] == [640, 360, "mono8", "camera_optical_frame", [0, 1, 2, 9, 10]]
    assert found["camera_info"][2] == [500, 0, 320, 0, 500, 180, 0, 0, 1]
    assert found["status"][:2] == ["streamer: scene", "tracking"]
    assert found["hashes"]["labels"].startswith("RIHS01_")
    assert "streamer" in found["nodes"]
    assert found["topics"]["/cam/detections"] == ["vision_msgs/msg/Detection2DArray"]
    if "detections" in found:  # vision_msgs is built for this ROS
        assert found["detections"]["1"][0] == 1.0 and len(found["detections"]) == 4
        assert found["same_stamps"]["detections"] >= 0.95 * found["counts"]["labels"]
        assert found["label_info"] == {"0": "unlabelled"} | {name: f"object {name}" for name in ("1", "2", "9", "10")}
    answers = {ack.get("request_id"): ack for ack in found["acks"]}
    assert answers["one"]["object_ids"] == [9] and answers["clicked_point"]["object_ids"] == [10]
    assert sum(not ack["ok"] for ack in found["acks"]) == 2
    assert found["latency_ms"]["labels"][0] < 50

    results = [item for item in open_run(tmp_path / "run.mcap").items() if isinstance(item, TrackResult)]
    sent = {
        str(one.frame.wall_ns): hashlib.sha256(label_image(one).tobytes()).hexdigest()
        for one in results
    }  # fmt: skip
    received = found["digests"]
    assert len(received) > 60 and received.items() <= sent.items()  # every byte of every message
