"""Files, MJPEG and HLS from a real HTTP server, and a stream over RTMP from a real peer."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import cv2
import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.sources import open_source
from streamer.video.scene import Scene, SceneSettings

pytestmark = pytest.mark.timeout(60)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Mjpeg(BaseHTTPRequestHandler):
    """A network camera's endless picture."""

    def do_GET(self):
        scene = Scene(SceneSettings(width=128, height=96))
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(400):
            jpeg = cv2.imencode(".jpg", scene.draw(index)[0])[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            try:
                self.wfile.write(head + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.02)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(handler) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def write(path, container_format=None, **options):
    scene = Scene(SceneSettings(width=128, height=96))
    with av.open(str(path), "w", format=container_format, options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 128, 96, "yuv420p", {"g": "25", "bf": "0"}
        for index in range(75):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.array(scene.draw(index)[0]), format="rgb24")))
        container.mux(stream.encode(None))


def test_a_file_on_a_web_server_is_a_recording(serve, tmp_path):
    write(tmp_path / "clip.mp4")
    source = open_source(serve(partial(Quiet, directory=tmp_path)) + "/clip.mp4")
    assert not source.live
    assert len(list(source)) == 75


def test_hls_is_read(serve, tmp_path):
    write(tmp_path / "live.m3u8", "hls", hls_time="1", hls_list_size="0")
    source = open_source(serve(partial(Quiet, directory=tmp_path)) + "/live.m3u8")
    assert source.live
    seen = 0
    with pytest.raises(SourceError, match="the stream ended"):
        for _ in source:
            seen += 1
    assert seen >= 50  # what was read to probe the stream is not shown: it would be old


def test_mjpeg_is_read_live(serve):
    source, seen = open_source(serve(Mjpeg) + "/video"), []
    for frame in source:
        seen.append(frame.image.shape)
        if len(seen) == 10:
            source.close()
    assert set(seen) == {(96, 128, 3)}


def test_a_path_that_is_not_there_says_404(serve, tmp_path):
    with pytest.raises(SourceError, match="404 not found"):
        open_source(serve(partial(Quiet, directory=tmp_path)) + "/nothing")


def test_rtmp_is_pushed_to_a_listener_in_another_process():
    """Our push and FFmpeg's own RTMP server, which waits for one publisher."""
    listener = (
        "import av, sys\n"
        "url = 'rtmp://127.0.0.1:19357/live/x'\n"
        "print('listening', flush=True)\n"
        "options = {'listen': '1', 'probesize': '32', 'analyzeduration': '0'}\n"
        "with av.open(url, options=options, timeout=(20, 10)) as c:\n"
        "    for n, f in enumerate(c.decode(video=0)):\n"
        "        if n == 5: print(f.width, f.height, flush=True); break\n"
    )
    peer = subprocess.Popen([sys.executable, "-c", listener], stdout=subprocess.PIPE, text=True)
    assert peer.stdout.readline() == "listening\n"
    time.sleep(1.0)  # until it listens; it says nothing when it does
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamer",
            "run",
            "--source",
            "scene:?size=256x128&fps=10&frames=0&realtime",
            "--model",
            "still",
            "--sink",
            "rtmp://127.0.0.1:19357/live/x",
            "--seconds",
            "30",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert peer.stdout.readline() == "256 128\n"
    finally:
        run.kill()
        run.communicate()
        peer.kill()
        peer.communicate()
