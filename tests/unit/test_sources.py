import numpy as np
import pytest

from streamer.errors import SourceError, UsageError
from streamer.ports import Source
from streamer.sinks import open_sink
from streamer.sources import open_source
from streamer.sources.pace import Pace
from streamer.sources.video import LIVE_OPTIONS, options
from streamer.uris import parse
from streamer.video.scene import Scene, SceneSettings
from tests.fakes import result


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A file of 12 frames at 30 fps, written by our own sink."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sink = open_sink(str(path))
    from dataclasses import replace

    for index in range(12):
        given = result(index, ())
        sink.write(replace(given, frame=replace(given.frame, pts_s=index / 30)))
    sink.close()
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import cv2

    path = tmp_path_factory.mktemp("pictures")
    for index in range(4):
        cv2.imwrite(str(path / f"{index:03d}.png"), np.full((48, 64, 3), index * 10, np.uint8))
    return path


def uris(clip, folder):
    return {
        "file": (str(clip), 12, False),
        "paced file": (f"{clip}?realtime", 12, True),
        "folder": (str(folder), 4, False),
        "glob": (f"{folder}/*.png", 4, False),
        "picture": (f"{folder}/000.png", 1, False),
        "scene": ("scene:?frames=5&size=64x64", 5, False),
        "live scene": ("scene:?frames=3&size=64x64&fps=100&realtime", 3, True),
        "lavfi": ("lavfi:testsrc2=size=64x48:rate=30:duration=0.2", 6, False),
    }


KINDS = ("file", "paced file", "folder", "glob", "picture", "scene", "live scene", "lavfi")


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_keeps_the_contract(kind, clip, folder):
    uri, count, live = uris(clip, folder)[kind]
    source = open_source(uri, name="named")
    assert isinstance(source, Source)
    assert (source.name, source.live) == ("named", live)
    frames = list(source)
    source.close()
    source.close()
    assert [frame.index for frame in frames] == list(range(count))
    assert {frame.epoch for frame in frames} == {0}
    times = [frame.captured_ns for frame in frames]
    assert times == sorted(times)
    for frame in frames:
        assert frame.source == "named"
        assert frame.image.dtype == np.uint8
        assert frame.image.shape[2] == 3
        assert not frame.image.flags.writeable
    if len(frames) > 1:
        stamps = [frame.pts_s for frame in frames]
        assert stamps == sorted(stamps)
        assert stamps[0] is not None


@pytest.mark.parametrize("kind", ["file", "folder", "scene", "lavfi"])
def test_closing_ends_a_source(kind, clip, folder):
    source = open_source(uris(clip, folder)[kind][0])
    seen = 0
    for _ in source:
        seen += 1
        source.close()
    assert seen == 1


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_loop_starts_over_as_a_new_epoch(kind, clip, folder):
    uri, count, _ = uris(clip, folder)[kind]
    source, seen = open_source(f"{uri}?loop"), []
    for frame in source:
        seen.append((frame.index, frame.epoch))
        if len(seen) == count + 2:
            source.close()
    assert seen[count - 1 : count + 2] == [(count - 1, 0), (count, 1), (count + 1, 1)]


def test_pictures_are_red_green_blue(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))
    (frame,) = open_source(str(tmp_path / "red.png"))
    assert tuple(frame.image[0, 0]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("nowhere.mp4", SourceError, "no such file"),
        ("nowhere/*.png", SourceError, "no images"),
        ("pyproject.toml", SourceError, "no video|not a video"),
        ("gopher://x", UsageError, "unknown scheme 'gopher'"),
        ("scene:?objcts=2", UsageError, "unknown option 'objcts'"),
        ("scene:?objects=two", UsageError, "must be a finite number"),
        ("scene:?objects=0", UsageError, "must be at least 1"),
        ("scene:?size=big", UsageError, "must be a size"),
        ("camera:front", UsageError, "camera:0"),
        ("rtsp://user:hunter2@127.0.0.1:9/x", SourceError, r"\*\*\*@127.0.0.1:9/x: connection refused"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(uri, error, says):
    with pytest.raises(error, match=says) as caught:
        list(open_source(uri))
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_live_addresses_are_opened_for_low_latency():
    chosen = options(parse("rtsp://h/x#transport=udp"))
    assert chosen["rtsp_transport"] == "udp"
    assert chosen["fflags"] == LIVE_OPTIONS["fflags"] == "nobuffer"


def test_pace_waits_for_a_pictures_own_time():
    now, slept = [10.0], []

    def sleep(seconds):
        slept.append(round(seconds, 6))
        now[0] += seconds

    pace = Pace(clock_s=lambda: now[0], sleep=sleep)
    for at in (0.0, 0.1, 0.2):
        pace.wait(at)
        now[0] += 0.03
    pace.wait(0.21)
    assert slept == [0.07, 0.07]


def test_a_scene_depends_on_its_seed_alone():
    a, b, c = Scene(SceneSettings(seed=5)), Scene(SceneSettings(seed=5)), Scene(SceneSettings(seed=6))
    np.testing.assert_array_equal(a.draw(17)[0], b.draw(17)[0])
    assert (a.draw(17)[0] != c.draw(17)[0]).any()
    for number, mask in a.truth(17).items():
        np.testing.assert_array_equal(mask, b.truth(17)[number])


def test_a_scenes_objects_move_hide_leave_and_return():
    scene = Scene(SceneSettings(seed=1, objects=3, leave=True))
    areas = np.array([[mask.sum() for mask in scene.truth(i).values()] for i in range(0, 300, 5)])
    assert (areas[:, 0] == 0).any()
    assert areas[0, 0] > 0
    returned = np.nonzero(np.diff((areas[:, 0] > 0).astype(int)) == 1)[0]
    assert len(returned)
    assert areas[:, 1:].min() < 0.5 * areas[:, 1:].max()


def test_masks_of_a_scene_do_not_overlap_and_lie_on_their_objects():
    scene = Scene(SceneSettings(seed=3, objects=4, occluder=False, light=False, shake=False))
    image, truth = scene.draw(40)
    assert np.sum(list(truth.values()), axis=0).max() == 1
    empty = Scene(SceneSettings(seed=3, objects=4, occluder=False, light=False, shake=False))
    empty._shapes = []
    background = empty.draw(40)[0]
    changed = np.abs(image.astype(int) - background).max(axis=2) > 12
    union = np.any(list(truth.values()), axis=0)
    assert (changed & union).sum() / union.sum() > 0.9
    assert (changed & ~union).sum() / changed.sum() < 0.1
