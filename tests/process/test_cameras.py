"""Several cameras on one engine, each by itself."""

import time

import pytest

from streamer.config.settings import CameraSettings, ModelSettings
from streamer.edgetam import open_engine
from streamer.errors import CommandError, SinkError, StreamerError, UsageError
from streamer.service.camera import Shared
from streamer.service.cameras import Cameras, UnknownCameraError
from streamer.soak.site import free_port
from streamer.types import Pause, Prompt, Remove, Resume
from tests.fakes import ListSink
from tests.waiting import wait

SCENE = "scene:?objects=2&size=320x240&fps=20&frames=0&realtime&occluder=0&shake=0"
PROMPT = {"object_id": 1, "box": "truth"}


@pytest.fixture(scope="module")
def engine():
    return open_engine("still")


@pytest.fixture
def sinks():
    return {}


@pytest.fixture
def cameras(engine, sinks):
    def watching(camera):
        return {"list": sinks.setdefault(camera.name, ListSink())}

    cameras = Cameras(Shared(engine, ModelSettings(), extra_sinks=watching))
    yield cameras
    cameras.close()


def settings(uri=SCENE, **others):
    return CameraSettings.model_validate({"source": {"uri": uri}, **others})


def ids(sink):
    return [track.object_id for track in sink.results[-1].tracks] if sink.results else None


def test_each_camera_has_its_own_objects(cameras, sinks):
    for name in ("a", "b"):
        cameras.add(name, settings(prompts=[PROMPT]))
    cameras["b"].send(Remove(1)).result(5)
    cameras["b"].send(Prompt(7, box=(10, 10, 60, 60))).result(5)
    wait(lambda: ids(sinks["b"]) == [7] and ids(sinks["a"]) == [1])


def test_an_unknown_camera_and_one_twice_are_refused(cameras):
    cameras.add("a", settings())
    with pytest.raises(UnknownCameraError, match="there is no camera 'x'; there are: a"):
        cameras["x"]
    with pytest.raises(UsageError, match="there is a camera 'a' already"):
        cameras.add("a", settings())


def test_a_camera_that_cannot_be_opened_is_not_added(cameras):
    with pytest.raises(UsageError, match="objects=0"):
        cameras.add("a", settings("scene:?objects=0"))
    assert cameras.all() == []


def test_a_camera_that_fails_begins_again_alone_and_keeps_its_objects(cameras, sinks):
    class Burning(ListSink):
        def write(self, result):
            super().write(result)
            if len(self.results) == 8:
                raise SinkError("the disk burned down")

    sinks["a"] = Burning()
    for name in ("a", "b"):
        cameras.add(name, settings(prompts=[PROMPT]))
    other = cameras["b"].pipeline
    wait(lambda: cameras["a"].state == "failed", 10)
    assert cameras["a"].error == "the disk burned down"
    with pytest.raises(CommandError, match="camera a is not running: the disk burned down"):
        cameras["a"].send(Pause())
    wait(lambda: len(sinks["a"].results) > 12, 10)
    assert ids(sinks["a"]) == [1]
    assert cameras["a"].state == "running"
    assert cameras["b"].pipeline is other


def test_a_recording_that_is_over_is_an_ended_camera(cameras):
    cameras.add("a", settings("scene:?objects=1&size=320x240&frames=3"))
    wait(lambda: cameras["a"].state == "ended", 10)
    assert not cameras["a"].is_live
    with pytest.raises(CommandError, match="camera a is not running: ended"):
        cameras["a"].send(Pause())


def test_a_paused_camera_stays_paused_through_a_change(cameras, sinks):
    cameras.add("a", settings(prompts=[PROMPT]))
    cameras["a"].send(Pause()).result(5)
    assert cameras["a"].status()["paused"]
    cameras.change("a", settings(max_fps=10))
    time.sleep(0.3)
    before = len(sinks["a"].results)
    time.sleep(0.3)
    assert len(sinks["a"].results) == before
    cameras["a"].send(Resume()).result(5)
    wait(lambda: len(sinks["a"].results) > before and ids(sinks["a"]) == [1], 10)


def test_a_change_keeps_objects_and_one_of_the_tracking_rules_begins_anew(cameras, sinks):
    cameras.add("a", settings(prompts=[PROMPT]))
    wait(lambda: ids(sinks["a"]) == [1], 10)
    cameras.change("a", settings(prompts=[PROMPT], max_fps=5))
    seen = len(sinks["a"].results)
    wait(lambda: len(sinks["a"].results) > seen and ids(sinks["a"]) == [1], 10)
    cameras.change("a", settings(tracking={"lost_after": 7}))
    seen = len(sinks["a"].results)
    wait(lambda: len(sinks["a"].results) > seen and ids(sinks["a"]) == [], 10)


def test_frames_count_on_through_a_change(cameras, sinks):
    """Of a camera over the network: another one's overlay, as a browser has it."""
    sink = sinks["a"] = ListSink()
    port = free_port()
    cameras.add("shown", settings(sinks=[f"mjpeg:127.0.0.1:{port}"]))
    cameras.add("a", settings(f"http://127.0.0.1:{port}/stream"))
    wait(lambda: len(sink.results) > 3, 20)
    cameras.change("a", settings(f"http://127.0.0.1:{port}/stream", max_fps=10))
    wait(lambda: sink.results[-1].frame.epoch > 0, 20)
    indices = [result.frame.index for result in sink.results]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize("nonsense", ["scene:?objects=0", "scene:?nonsense=1", "nonsense:1", "/no/such/file.mp4"])
def test_a_change_to_nonsense_is_refused_and_the_running_one_goes_on(cameras, nonsense):
    camera = cameras.add("a", settings())
    pipeline = camera.pipeline
    with pytest.raises(StreamerError):
        cameras.change("a", settings(nonsense))
    assert cameras["a"].pipeline is pipeline
    assert cameras["a"].state == "running"


def test_a_change_that_fails_when_it_is_carried_out_brings_the_old_one_back(cameras, sinks, tmp_path):
    cameras.add("a", settings(prompts=[PROMPT]))
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be created"):
        cameras.change("a", settings(sinks=[f"masks:{tmp_path}/file/below"]))
    seen = len(sinks["a"].results)
    wait(lambda: len(sinks["a"].results) > seen and ids(sinks["a"]) == [1], 10)


def test_a_removed_camera_is_gone(cameras):
    cameras.add("a", settings())
    cameras.remove("a")
    assert cameras.all() == []
    cameras.add("a", settings())


def test_new_ids_were_never_given_before(cameras, sinks):
    cameras.add("a", settings(prompts=[PROMPT]))
    wait(lambda: ids(sinks["a"]) == [1], 10)
    box = (10, 10, 60, 60)
    assert cameras["a"].send(Prompt(box=box), Prompt(box=box)).result(5).object_ids == (2, 3)
    cameras["a"].send(Remove(3)).result(5)
    cameras.change("a", settings(max_fps=7))
    assert cameras["a"].send(Prompt(box=box)).result(5).object_ids == (4,)


def test_a_withdrawn_command_takes_no_effect_and_ends_nothing(cameras, sinks):
    cameras.add("a", settings())
    wait(lambda: ids(sinks["a"]) == [], 10)
    cameras["a"].send(Prompt(9, box=(10, 10, 60, 60))).cancel()
    assert cameras["a"].send(Prompt(box=(10, 10, 60, 60))).result(5).object_ids in ((1,), (10,))
    assert cameras["a"].state == "running"


def test_no_status_tells_a_password(cameras):
    cameras.add("a", settings("rtsp://admin:hunter2@127.0.0.1:1/x"))
    wait(lambda: cameras["a"].status()["last_event"] is not None, 10)
    assert "hunter2" not in str(cameras["a"].status())
