"""The cameras of this machine: V4L2 devices that capture images, not nodes for metadata or output."""

from __future__ import annotations

import os
import struct
from pathlib import Path

QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP of linux/videodev2.h, whose answer has 104 bytes
CAPABILITY = struct.Struct("=16s32s32sIII12x")  # driver, card, bus, version, of the hardware, of this device
VIDEO_CAPTURE, VIDEO_CAPTURE_MPLANE, DEVICE_CAPS = 0x1, 0x1000, 0x80000000


def captures(answer: bytes) -> bool:
    """Whether a device whose answer to VIDIOC_QUERYCAP this is gives images."""
    *_, hardware, device = CAPABILITY.unpack(answer)
    return bool((device if hardware & DEVICE_CAPS else hardware) & (VIDEO_CAPTURE | VIDEO_CAPTURE_MPLANE))


def cameras(folder: Path = Path("/dev")) -> list[str]:
    """Devices that give images, by number; a device that cannot be asked is listed too."""
    found = sorted(folder.glob("video*"), key=lambda path: (len(path.name), path.name))
    return [str(path) for path in found if _is_camera(path)]


def _is_camera(path: Path) -> bool:
    try:
        import fcntl  # which Windows lacks

        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):  # it may be another program's, or another user's
        return True
    try:
        answer = bytearray(CAPABILITY.size)
        fcntl.ioctl(descriptor, QUERYCAP, answer)
        return captures(bytes(answer))
    except OSError:
        return False  # no V4L2 device
    finally:
        os.close(descriptor)


def described() -> str:
    """What there is, in words."""
    found = cameras()
    return f"cameras here: {', '.join(found)}" if found else "no camera is connected to this machine"
