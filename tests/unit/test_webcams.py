"""Webcams: what they are asked for, and which devices are cameras."""

import cv2
import pytest

from streamer.sources.devices import CAPABILITY, DEVICE_CAPS, cameras, captures
from streamer.sources.webcam import MJPG, Mode, negotiated

YUYV = cv2.VideoWriter.fourcc(*"YUYV")
WANTED = Mode(1280, 720, 30)


class Camera:
    """A camera with modes by pixel format: it takes the nearest size, and then the rate of that size at most."""

    def __init__(self, modes: dict[int, list[Mode]]) -> None:
        self._modes, self._fourcc = modes, next(iter(modes))
        self._asked = {cv2.CAP_PROP_FRAME_WIDTH: 640.0, cv2.CAP_PROP_FRAME_HEIGHT: 480.0, cv2.CAP_PROP_FPS: 30.0}

    def set(self, name: int, value: float, /) -> bool:
        if name == cv2.CAP_PROP_FOURCC:
            known = int(value) in self._modes
            self._fourcc = int(value) if known else self._fourcc
            return known
        self._asked[name] = value
        return True

    def get(self, name: int, /) -> float:
        width, height = (self._asked[n] for n in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        mode = min(self._modes[self._fourcc], key=lambda m: abs(m.width - width) + abs(m.height - height))
        if name == cv2.CAP_PROP_FOURCC:
            return self._fourcc
        if name == cv2.CAP_PROP_FPS:
            return min(mode.fps, self._asked[name])
        return mode.width if name == cv2.CAP_PROP_FRAME_WIDTH else mode.height


@pytest.mark.parametrize(
    ("modes", "given", "codec"),
    [
        ({YUYV: [WANTED]}, WANTED, ""),
        ({YUYV: [Mode(1280, 720, 10)], MJPG: [WANTED]}, WANTED, "mjpeg"),
        ({YUYV: [Mode(640, 480, 30)], MJPG: [WANTED]}, WANTED, "mjpeg"),
        ({YUYV: [Mode(1280, 720, 10)]}, Mode(1280, 720, 10), ""),
        ({YUYV: [Mode(1280, 720, 10)], MJPG: [Mode(640, 480, 30)]}, Mode(1280, 720, 10), ""),
        ({YUYV: [Mode(1280, 720, 29.97)], MJPG: [WANTED]}, Mode(1280, 720, 29.97), ""),
        ({MJPG: [WANTED]}, WANTED, ""),
    ],
)
def test_a_webcam_asked_for_720p_at_30_gives_30_as_mjpeg_where_raw_gives_10(modes, given, codec):
    assert negotiated(Camera(modes), WANTED) == (given, codec)


def test_what_came_is_compared_with_what_was_asked_for():
    assert Mode(1280, 720, 30).shortfall(Mode(0, 0, 30)) == 0
    assert Mode(1280, 720, 0).shortfall(WANTED) == 0  # a camera that does not name its rate
    assert Mode(1280, 720, 60).shortfall(WANTED) == 0
    assert Mode(1280, 720, 10).shortfall(WANTED) > 0.6
    assert Mode(640, 480, 30).shortfall(WANTED) > 0.5
    assert str(Mode(640, 480, 15)) == "640 x 480 at 15 fps"


@pytest.mark.parametrize(
    ("hardware", "device", "expected"),
    [
        (DEVICE_CAPS | 0x1, 0x04000001, True),
        (DEVICE_CAPS | 0x1, 0x04800000, False),  # the metadata node of a webcam
        (DEVICE_CAPS | 0x2, 0x2, False),  # a loopback's output
        (DEVICE_CAPS | 0x1000, 0x1000, True),
        (0x1, 0, True),  # a driver from before device capabilities
        (0x00000010, 0, False),  # VBI
    ],
)
def test_metadata_nodes_are_not_listed_as_cameras(hardware, device, expected):
    assert captures(CAPABILITY.pack(b"uvcvideo", b"Camera", b"usb", 6, hardware, device)) is expected
    assert CAPABILITY.size == 104


def test_files_that_are_no_devices_are_not_listed(tmp_path):
    (tmp_path / "video0").write_bytes(b"")
    assert cameras(tmp_path) == []
    assert cameras(tmp_path / "nowhere") == []
