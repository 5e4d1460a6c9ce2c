"""A network of its own: a namespace at the other end of a cable, with GStreamer's RTSP server and a camera in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.process.processes import ROOT

SPACE, HERE, THERE = "streamer-cam", "10.213.7.1", "10.213.7.2"
CABLE = ("strm-here", "strm-there")
RTSP_PORT, RTP_PORT = 8554, 5004


def missing() -> str | None:
    """Why this machine cannot have one; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool, package in (("ip", "iproute2"), ("tc", "iproute2"), ("iptables", "iptables")):
        if not shutil.which(tool):
            return f"{tool} is not on this machine: apt-get install {package}"
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True, check=False).returncode:
        return (
            "GStreamer's RTSP server is not on this machine: apt-get install --no-install-recommends "
            "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-rtsp python3-gi"
        )
    made = subprocess.run(["ip", "netns", "add", f"{SPACE}-probe"], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", f"{SPACE}-probe"], capture_output=True, check=False)
    return f"namespaces are not allowed here: {made.stderr.strip()}" if made.returncode else None


class Network:
    """`with Network() as network:`; each fault is a method, `mend` undoes all of them."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Network:
        self._remove()
        ip("netns", "add", SPACE)
        ip("link", "add", CABLE[0], "type", "veth", "peer", "name", CABLE[1], "netns", SPACE)
        ip("addr", "add", f"{HERE}/24", "dev", CABLE[0])
        ip("link", "set", CABLE[0], "up")
        inside("ip", "addr", "add", f"{THERE}/24", "dev", CABLE[1])
        inside("ip", "link", "set", CABLE[1], "up")
        inside("ip", "link", "set", "lo", "up")
        server = ["/usr/bin/python3", str(Path(__file__).with_name("gst_server.py")), str(RTSP_PORT), str(RTP_PORT)]
        camera = [
            *(sys.executable, "-m", "streamer.soak.camera"),
            *(f"rtp://127.0.0.1:{RTP_PORT}", "320x240", "libx264"),
        ]
        for words in (server, camera):
            self._processes.append(
                subprocess.Popen(["ip", "netns", "exec", SPACE, *words], cwd=ROOT, stderr=subprocess.DEVNULL)
            )
        time.sleep(3.0)  # nothing says when it listens
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._remove()

    @staticmethod
    def url(transport: str) -> str:
        return f"rtsp://{THERE}:{RTSP_PORT}/cam#transport={transport}"

    @staticmethod
    def lose(share: float) -> None:
        """Drop so much of what comes from there over UDP."""
        rule = ("-p", "udp", "-m", "statistic", "--mode", "random", "--probability", str(share), "-j", "DROP")
        inside("iptables", "-A", "OUTPUT", "-o", CABLE[1], *rule)

    @staticmethod
    def limit(rate: str) -> None:
        inside("tc", "qdisc", "add", "dev", CABLE[1], "root", "tbf", "rate", rate, "burst", "4kb", "latency", "400ms")

    @staticmethod
    def unplug() -> None:
        inside("ip", "link", "set", CABLE[1], "down")

    @staticmethod
    def mend() -> None:
        inside("ip", "link", "set", CABLE[1], "up")
        inside("iptables", "-F", "OUTPUT")
        with contextlib.suppress(subprocess.CalledProcessError):
            inside("tc", "qdisc", "del", "dev", CABLE[1], "root")

    @staticmethod
    def _remove() -> None:
        subprocess.run(["ip", "netns", "del", SPACE], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", CABLE[0]], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def inside(*words: str) -> None:
    subprocess.run(["ip", "netns", "exec", SPACE, *words], check=True, capture_output=True)
