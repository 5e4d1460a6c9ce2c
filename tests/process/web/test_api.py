"""The HTTP API on a real server, through the client that ships."""

import struct
import time

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamer.errors import CommandError
from streamer.masks import box_of, iou
from streamer.video.scene import Scene, SceneSettings
from tests.process.web.conftest import SCENE
from tests.waiting import wait

TRUTH = Scene(SceneSettings(objects=2, width=320, height=240, fps=15, frames=0, occluder=False, shake=False))


@pytest.fixture
def point(client):
    """Prompts an object of the scene by its box, and returns the id."""

    def point(number=1, camera="a"):
        index = next(client.results(camera)).index + 1
        return client.prompt(camera, box=tuple(map(float, box_of(TRUTH.truth(index)[number]))))

    yield point
    for camera in ("a", "b"):
        for entry in client.objects(camera):
            client.remove_object(camera, entry["id"])


def overlap(result, object_id, number):
    return iou(result.masks[object_id], TRUTH.truth(result.index)[number])


def test_a_prompted_object_is_tracked(client, point):
    object_id = point(1)
    result = client.wait_for("a", object_id)
    assert overlap(result, object_id, 1) > 0.7
    assert client.objects("b") == []


def test_a_result_has_its_image_if_requested(client):
    result = next(client.results("a", images=True))
    image, _ = TRUTH.draw(result.index)
    assert np.abs(result.image().astype(int) - image).mean() < 6
    assert next(client.results("a")).jpeg == b""


def test_ids_are_allocated_or_chosen(client, point):
    first = point(1)
    assert client.prompt("a", object_id=first, points=[(5, 5)], labels=[0]) == first
    assert point(2) > first


def test_undo_of_the_only_prompt_removes_the_object(client, point):
    object_id = point(1)
    client.undo("a", object_id)
    wait(lambda: client.objects("a") == [])
    with pytest.raises(CommandError, match=f"object {object_id} is not tracked"):
        client.undo("a", object_id)


def test_every_result_has_names_and_colours(client, point):
    object_id = point(1)
    assert client.name_object("a", object_id, "ball", "#ff8800")["name"] == "ball"
    entry = next(e for e in client.wait_for("a", object_id).objects if e["id"] == object_id)
    wait(lambda: next(iter(client.wait_for("a", object_id).objects))["name"] == "ball")
    assert {"state", "score", "predicted_iou", "box", "area"} <= set(entry)
    with pytest.raises(CommandError, match="object 99 is not tracked"):
        client.name_object("a", 99, "nobody")


def test_a_mask_is_read_as_png_and_can_be_a_prompt(client, point):
    object_id = point(1)
    client.wait_for("a", object_id)
    png = client.mask_png("a", object_id)
    mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (240, 320)
    answer = httpx.put(f"{client._url}/api/v1/cameras/b/objects/3/mask.png", content=png)
    assert answer.status_code == 200
    wait(lambda: [entry["id"] for entry in client.objects("b")] == [3])
    wide = png[:16] + struct.pack(">II", 30_000, 30_000) + png[24:]
    for wrong, status, message in (
        (b"no PNG", 422, "is not a PNG"),
        (png[:60], 422, "is not a PNG"),
        (wide, 409, "the mask is 30000 x 30000"),
    ):
        answer = httpx.put(f"{client._url}/api/v1/cameras/b/objects/3/mask.png", content=wrong)
        assert answer.status_code == status
        assert message in answer.json()["error"]


def test_a_snapshot_is_the_newest_frame_with_or_without_masks(client, point):
    object_id = point(1)
    client.wait_for("a", object_id)
    plain, drawn = client.snapshot("a"), client.snapshot("a", overlay=True)
    assert cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
    assert plain != drawn


def test_events_have_snapshots_masks_and_clips(client, point):
    object_id = point(1)
    wait(lambda: any(e["object_id"] == object_id and "clip.mp4" in e["files"] for e in started(client)), 10)
    event = next(e for e in started(client) if e["object_id"] == object_id)
    assert event["message"].startswith(f"object {object_id}: started")
    clip = client.event_file(event["id"], "clip.mp4")
    assert clip[4:8] == b"ftyp"
    mask = cv2.imdecode(np.frombuffer(client.event_file(event["id"], "mask.png"), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert iou(mask > 0, TRUTH.truth(event["index"])[1]) > 0.7
    assert len(client.events(limit=1)) == 1
    assert all(e["id"] < event["id"] for e in client.events(before=event["id"]))
    with pytest.raises(CommandError, match=r"has no file clip\.mp4"):
        client.event_file(10**6, "clip.mp4")


def started(client):
    return [event for event in client.events("a") if event["event"] == "started"]


def test_a_camera_is_added_changed_and_removed(client):
    client.add_camera("new", SCENE, max_fps=7)
    wait(lambda: client.camera("new")["live"])
    zone = {"name": "door", "points": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]], "dwell_s": 2}
    changed = client.change_camera("new", SCENE, zones=[zone])
    assert changed["settings"]["zones"][0]["name"] == "door"
    assert changed["max_fps"] is None
    client.remove_camera("new")
    with pytest.raises(CommandError, match="there is no camera 'new'"):
        client.camera("new")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"uri": "/etc/passwd"}, "cannot be opened over HTTP"),
        ({"uri": "lavfi:movie=/etc/passwd"}, "cannot be opened over HTTP"),
        ({"uri": "scene:?objects=0"}, "objects=0"),
        ({"uri": SCENE, "max_fps": -1}, "max_fps"),
        ({"uri": SCENE, "zones": [{"name": "z", "points": [[0, 0], [1, 1], [0, 0]]}]}, "a point is there twice"),
        ({"uri": SCENE, "zones": [{"name": "z", "points": [[0, 0], [2, 1], [0, 1]]}]}, "must be at most 1"),
        ({"uri": SCENE, "sinks": ["/tmp/x.mp4"]}, "unknown key 'sinks'"),
        ({"uri": SCENE, "control": "tcp://127.0.0.1:1"}, "unknown key 'control'"),
    ],
)
def test_a_rejected_change_leaves_the_camera_running(client, served, settings, message):
    pipeline = served[0].cameras["a"].pipeline
    with pytest.raises(CommandError, match=message):
        client.change_camera("a", **settings)
    assert served[0].cameras["a"].pipeline is pipeline
    assert client.camera("a")["live"]


def test_an_unknown_camera_is_named(client):
    with pytest.raises(CommandError, match="there is no camera 'nobody'; there are: a, b"):
        client.prompt("nobody", points=[(1, 1)])
    with pytest.raises(CommandError, match="no camera"):
        client.snapshot("nobody")


def test_a_prompt_outside_the_frame_is_rejected_in_one_line(client):
    with pytest.raises(CommandError, match=r"point \(5000, 10\) is outside the 320 x 240 frame"):
        client.prompt("a", points=[(5000, 10)])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b'{"points": [[1e999, 1]]}', 422),
        (b'{"box": [1, 2, 3]}', 422),
    ],
)
def test_a_broken_body_is_rejected(served, body, status):
    url = served[1].url + "/api/v1/cameras/a/prompts"
    answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert "error" in answer.json()


def test_pause_and_resume(client):
    client.pause("b")
    assert client.camera("b")["paused"]
    client.resume("b")
    assert not client.camera("b")["paused"]


def test_a_password_in_an_address_never_leaves_the_server(client, served):
    client.add_camera("door", "rtsp://admin:hunter2@127.0.0.1:1/x")
    try:
        wait(lambda: client.camera("door").get("last_event"))
        shown = client.camera("door")["uri"]
        assert shown == "rtsp://***@127.0.0.1:1/x"
        everything = str(client.cameras()) + str(client.events()) + client.metrics()
        assert "hunter2" not in everything
        client.change_camera("door", shown, max_fps=3)  # the shown address, sent back
        assert served[0].cameras["door"].settings.source.uri == "rtsp://admin:hunter2@127.0.0.1:1/x"
        assert httpx.get(served[1].url + "/api/v1/ready").status_code == 503
    finally:
        client.remove_camera("door")


def test_metrics_can_be_read_and_count(client):
    def value(name, **labels):
        families = text_string_to_metric_families(client.metrics())
        samples = [
            s for family in families for s in family.samples if s.name == name and labels.items() <= s.labels.items()
        ]
        return sum(sample.value for sample in samples)

    before = value("streamer_frames_tracked_total", camera="a")
    time.sleep(0.5)
    assert value("streamer_frames_tracked_total", camera="a") > before
    assert value("streamer_camera_up", camera="a") == 1
    assert value("streamer_stage_seconds_count", camera="a", stage="total") > 0
    reading = client.results("a")
    next(reading)
    assert value("streamer_readers", camera="a") == 1
    reading.close()


def test_what_happens_at_a_zone_is_counted_in_the_status_the_metrics_and_the_store(served, client):
    everything = {"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    client.add_camera("counted", SCENE, zones=[everything])
    client.wait_for("counted", client.prompt("counted", box=(40.0, 40.0, 90.0, 90.0)))
    wait(lambda: client.camera("counted")["zones"][0]["inside"] == 1)
    assert 'streamer_zone_inside{camera="counted",zone="all"} 1.0' in client.metrics()
    wait(lambda: client.counts("counted"))
    (row,) = client.counts("counted", every_s=31_536_000)
    assert (row["zone"], row["entered"], row["left"], row["mean_dwell_s"]) == ("all", 1, 0, None)
    text = httpx.get(f"{served[1].url}/api/v1/counts.csv?camera=counted").text
    assert text.splitlines()[1].endswith("Z,counted,all,1,0,0,0,,")
    for wrong in ("every_s=0", "every_s=nan", "since=yesterday", "since=2026-01-01T00:00:00", "by=hour"):
        answer = httpx.get(f"{served[1].url}/api/v1/counts?{wrong}")
        assert answer.status_code == 422, wrong
        assert wrong.partition("=")[0] in answer.json()["error"]
    client.remove_camera("counted")


def test_a_player_gets_motion_jpeg_with_masks_until_it_leaves(served, client, point):
    client.wait_for("a", point(1))
    for query in ("", "?overlay=1"):
        with httpx.stream("GET", f"{served[1].url}/api/v1/cameras/a/stream.mjpeg{query}", timeout=10) as answer:
            assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
            data = b""
            for chunk in answer.iter_bytes():
                data += chunk
                if data.count(b"--frame") >= 4:
                    break
        part = data.split(b"--frame")[1].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        assert cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
    assert httpx.get(f"{served[1].url}/api/v1/cameras/nobody/stream.mjpeg").status_code == 404


def test_settings_can_be_sent_back_and_changed_in_part(client, served):
    client.add_camera("round", SCENE, max_fps=7, zones=[{"name": "z", "points": [[0, 0.5], [1, 0.5]]}])
    url = served[1].url + "/api/v1/cameras/round"
    try:
        before = httpx.get(url).json()["settings"]
        assert httpx.put(url, json=before).json()["settings"] == before
        assert httpx.patch(url, json={"priority": 3}).json()["settings"] == before | {"priority": 3.0}
        assert httpx.patch(url, json={"max_fps": None}).json()["settings"]["max_fps"] is None
        assert httpx.patch(url, json={"nonsense": 1}).json()["error"].startswith("body: unknown key 'nonsense'")
    finally:
        client.remove_camera("round")


@pytest.mark.parametrize("uri", ["scene:?fps=inf", "scene:?fps=nan", "rtsp://127.0.0.1:1/x", "camera:77"])
def test_a_mistake_of_the_user_is_a_4xx_with_one_line(client, served, uri):
    body = {"name": "wrong", "source": {"uri": uri, "reconnect": "after_start"}}
    answer = httpx.post(served[1].url + "/api/v1/cameras", json=body, timeout=30)
    assert answer.status_code == 409
    assert "\n" not in answer.json()["error"]
    assert [camera["name"] for camera in client.cameras()] == ["a", "b"]


def test_a_method_that_is_not_allowed_lists_those_that_are(served):
    answer = httpx.request("OPTIONS", served[1].url + "/api/v1/cameras/a")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, PATCH, PUT"
    assert answer.json()["error"] == "this path has only the methods DELETE, GET, PATCH, PUT"
    assert httpx.get(served[1].url + "/api/v1/nothing").json()["error"].startswith("there is no such path")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('{"name": "x", "source": {"uri": "scene:?fps=inf"}}', "option fps='inf' must be a finite number"),
        ('{"name": "x", "source": {"uri": "scene:?size=16384x16384"}}', "must be from 64x64 to 4096x4096"),
        ('{"name": "x", "source": {"uri": "scene:?realtime=perhaps"}}', "option realtime='perhaps' must be 1 or 0"),
        ('{"name": "x", "source": {"uri": "rtsp://h/\\ud800"}}', "must be text in UTF-8"),
        ('{"name": "x", "source": {"uri": "rtsp://h/x", "stall_s": 1e999}}', "stall_s: must be a finite number"),
        ('{"name": "..", "source": {"uri": "scene:"}}', "name: must begin with a letter or a digit"),
        ('{"name": ".", "source": {"uri": "scene:"}}', "name: must begin with a letter or a digit"),
        ('{"name": "x", "source": {"uri": "http://127.0.0.1:9/x", "reconnect": "never"}}', "connection refused"),
        ('{"name": "x", "source": {"uri": "camera:0", "reconnect": "after_start"}}', "cannot be opened"),
    ],
)
def test_no_camera_of_one_user_breaks_the_list_of_cameras_for_all(client, served, body, line):
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{served[1].url}/api/v1/cameras", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert line in answer.json()["error"]
    assert [camera["name"] for camera in client.cameras()] == ["a", "b"]


def test_a_named_object_has_its_name_in_events_and_loses_it_with_its_id(client, point):
    object_id = point(1)
    client.name_object("a", object_id, "the ball", "#00ff7f")
    client.remove_object("a", object_id)
    wait(lambda: client.events("a", limit=1)[0]["event"] == "removed")
    event = client.events("a", limit=1)[0]
    assert event["name"] == "the ball"
    assert event["message"].startswith("the ball: removed")
    client.prompt("a", object_id=object_id, box=(20, 20, 90, 90))
    assert client.objects("a")[0]["name"] is None
