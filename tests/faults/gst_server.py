"""GStreamer's RTSP server, an independent peer, relaying H.264 from RTP: `python3 gst_server.py PORT RTP_PORT`."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( udpsrc port={} caps=application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96 "
    "! rtph264depay ! h264parse ! video/x-h264,alignment=au ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("0.0.0.0")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(LAUNCH.format(sys.argv[2]))
factory.set_shared(True)
factory.set_latency(0)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
GLib.MainLoop().run()
