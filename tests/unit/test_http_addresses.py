"""What an HTTP address is: a recording, a snapshot, or live."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from streamer.config.settings import SourceSettings
from streamer.errors import SourceError
from streamer.sources import is_camera, open_source, open_watched
from streamer.sources.http_address import _kinds, kind_of
from streamer.sources.snapshot import SnapshotSource
from streamer.types import Frame
from streamer.uris import parse
from tests.films import COUNT, film, image, numbers, played

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, Answer]]]:
    """A server's address, and what it answers by path."""
    answers: dict[str, Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in answers:
                answers[path](self)
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    _kinds.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()


def whole(data: bytes, kind: str = "video/mp4") -> Answer:
    """A file with its length, also in parts."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        first = int(request.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")[0] or 0)
        request.send_response(206 if "Range" in request.headers else 200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data) - first))
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        request.wfile.write(data[first:])

    return answer


def endless(data: bytes, kind: str, pause_s: float = 0.0) -> Answer:
    """Bytes without a length; the connection stays open for `pause_s` after them."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(data)
        request.wfile.flush()
        time.sleep(pause_s)

    return answer


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        ("/film.mp4", whole(b"x"), "recording"),
        ("/download", whole(b"x"), "recording"),
        ("/film.ts", whole(b"x", "application/octet-stream"), "recording"),
        ("/live.mp4", endless(b"x", "video/mp4"), "live"),
        ("/live.ts", endless(b"x", "video/mp2t"), "live"),
        ("/video", endless(b"x", "multipart/x-mixed-replace; boundary=x"), "live"),
        ("/video.mp4", endless(b"x", "multipart/x-mixed-replace; boundary=x"), "live"),
        ("/snapshot.jpg", whole(b"x", "image/jpeg"), "snapshot"),
        ("/cgi-bin/snap", whole(b"x", "image/png"), "snapshot"),
        ("/a.m3u8", whole(b"#EXTM3U\n#EXT-X-ENDLIST\n", "application/vnd.apple.mpegurl"), "recording"),
        ("/a.m3u8", whole(b"#EXTM3U\n#EXTINF:2,\na.ts\n", "text/plain"), "live"),
        ("/playlist", whole(b"#EXTM3U\n#EXTINF:2,\na.ts\n", "application/x-mpegURL"), "live"),
    ],
)
def test_the_servers_answer_says_what_an_address_is(path, answer, kind, site):
    address, answers = site
    answers[path] = answer
    uri = f"{address}{path}?token=1"
    assert kind_of(parse(uri)) == kind
    assert is_camera(uri) is (kind != "recording")


def test_a_playlist_of_qualities_is_as_the_first_of_them(site):
    address, answers = site
    answers["/v/low.m3u8"] = whole(b"#EXTM3U\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST", "application/x-mpegurl")
    answers["/main.m3u8"] = whole(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/low.m3u8\n", "application/x-mpegurl")
    assert kind_of(parse(f"{address}/main.m3u8")) == "recording"


def test_a_server_that_does_not_answer_is_judged_by_the_name_and_an_option_decides(site):
    address, _ = site
    for name, kind in (("a.mp4", "recording"), ("a.jpg", "snapshot"), ("a", "live")):
        assert kind_of(parse(f"{address}/{name}")) == kind
    assert kind_of(parse(f"{address}/a.mp4#live")) == "live"
    assert kind_of(parse(f"{address}/a#live=0")) == "recording"


def test_a_recording_on_a_web_server_is_read_to_its_end(site, tmp_path):
    address, answers = site
    answers["/film.mp4"] = whole(film(tmp_path / "a.mp4").read_bytes())
    source, frames = played(f"{address}/film.mp4")
    assert not source.live
    assert numbers(frames) == [(index, index) for index in range(COUNT)]


def test_a_finished_playlist_is_read_to_its_end(site, tmp_path):
    import av

    with av.open(str(tmp_path / "a.m3u8"), "w", format="hls", options={"hls_time": "0.4", "hls_list_size": "0"}) as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 64, 48, "yuv420p", {"g": "10"}
        for number in range(COUNT):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image(number), format="rgb24")))
        out.mux(stream.encode(None))
    address, answers = site
    for path in tmp_path.iterdir():
        kind = "application/vnd.apple.mpegurl" if path.suffix == ".m3u8" else "video/mp2t"
        answers[f"/{path.name}"] = whole(path.read_bytes(), kind)
    source, frames = played(f"{address}/a.m3u8")
    assert not source.live
    assert numbers(frames) == [(index, index) for index in range(COUNT)]


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_live_stream_named_as_a_file_is_live_and_connected_again(suffix, site, tmp_path):
    address, answers = site
    container = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if suffix == "mp4" else {}
    data = film(tmp_path / f"a.{suffix}", options={"g": "5", "bf": "0"}, container=container).read_bytes()
    kind = "video/mp4" if suffix == "mp4" else "video/mp2t"
    answers[f"/live.{suffix}"] = endless(data, kind)
    source = open_watched(SourceSettings(uri=f"{address}/live.{suffix}", stall_s=2.0))
    assert source.live
    seen, kinds = 0, list[str]()
    for item in source:
        if isinstance(item, Frame):
            seen += 1
        else:
            kinds.append(item.kind)
        if "restored" in kinds:
            source.close()
    assert seen > 0
    assert kinds[:2] == ["lost", "restored"]


def test_a_snapshot_is_polled_at_a_rate(site):
    address, answers = site
    taken: list[float] = []

    def snapshot(request: BaseHTTPRequestHandler) -> None:
        taken.append(time.monotonic())
        junk = len(taken) == 2
        jpeg = b"no image" if junk else cv2.imencode(".jpg", image(len(taken))[..., ::-1])[1].tobytes()
        whole(jpeg, "image/jpeg")(request)

    answers["/snapshot.jpg"] = snapshot
    source = open_source(f"{address}/snapshot.jpg#fps=20", name="door")
    assert isinstance(source, SnapshotSource)
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 4:
            source.close()
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert source.damaged == 1
    assert frames[0].image.shape == (48, 64, 3)
    assert taken[-1] - taken[1] >= 0.9 * 3 * 0.05


def test_a_snapshot_that_fails_says_why(site):
    address, answers = site
    source = open_source(f"http://user:hunter2@{address.removeprefix('http://')}/snapshot.jpg")
    with pytest.raises(SourceError, match="404") as caught:
        list(source)
    assert "hunter2" not in str(caught.value)
    answers["/snapshot.jpg"] = lambda request: request.send_error(401)
    with pytest.raises(SourceError, match="401 wrong user or password"):
        list(open_source(f"{address}/snapshot.jpg"))
    answers["/snapshot.jpg"] = whole(b"nothing", "image/jpeg")
    with pytest.raises(SourceError, match="without an image"):
        list(open_source(f"{address}/snapshot.jpg#fps=1000"))


def test_a_snapshot_is_asked_with_the_user_and_password_of_its_address(site):
    address, answers = site
    heard: list[str | None] = []

    def guarded(request: BaseHTTPRequestHandler) -> None:
        heard.append(request.headers.get("Authorization"))
        if heard[-1] is None:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="door"')
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            whole(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes(), "image/png")(request)

    answers["/snap"] = guarded
    uri = f"http://admin:hun%2Fter2@{address.removeprefix('http://')}/snap"
    assert kind_of(parse(uri)) == "snapshot"
    assert heard == [None, "Basic YWRtaW46aHVuL3RlcjI="]


def test_one_bad_part_of_an_mjpeg_stream_does_not_end_the_connection(site, caplog):
    address, answers = site
    parts = [cv2.imencode(".jpg", image(number))[1].tobytes() for number in range(12)]
    parts[5] = b"\xff\xd8 no image"
    head = "--x\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
    body = b"".join(head.format(len(part)).encode() + part + b"\r\n" for part in parts)
    answers["/video"] = endless(body, "multipart/x-mixed-replace; boundary=x")
    source, frames = open_source(f"{address}/video", name="door"), list[Frame]()
    with pytest.raises(SourceError, match=r"the stream ended|the connection broke"):
        frames.extend(frame for frame in source if isinstance(frame, Frame))
    assert len(frames) >= 10
    assert numbers(frames)[-1][1] >= 10
    assert caplog.text.count("it is left out") == 1
