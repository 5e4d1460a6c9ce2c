"""Settings of a depth image beside each frame."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streamer.config.section import Section


class DepthSettings(Section):
    """A depth image, registered to the frame, and the camera's matrix: objects then have positions in metres."""

    uri: str = Field(description="a folder of 16-bit PNG files, a video file of 16 bits, or rtsp://...")
    camera_info: Path = Field(description="a YAML file as ROS' camera_calibration writes it")
    unit_m: float = Field(0.001, gt=0, le=1, description="metres of one step of a depth image; 0.001: millimetres")
    max_age_s: float = Field(0.1, gt=0, le=10, description="seconds between a frame and its depth image at most")
