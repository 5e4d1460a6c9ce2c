"""Objects that survive a restart."""

import pytest

from streamer.cli import main
from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.snapshot import Snapshot
from streamer.edgetam.tracker import StreamingTracker
from streamer.errors import ModelError, SinkError
from streamer.masks import box_of, iou
from streamer.service.build import without_restored
from streamer.types import Frame, Prompt, Remove


def frame(scene, index, captured_s=0.0):
    return Frame.from_image(scene.draw(index)[0], index=index, captured_ns=int(captured_s * 1e9))


def prompts(scene):
    return [Prompt(number, box=box_of(scene.truth(0)[number])) for number in (1, 3)]


@pytest.mark.parametrize("policy", ["keep", "keep_prompted"])
def test_objects_go_on_under_their_ids_after_a_restart(nano, scene, tmp_path, policy):
    file, tracking = tmp_path / "state", TrackingSettings(across_gap=policy)
    before = Snapshot(StreamingTracker(TorchRuntime(nano), tracking), file)
    for index in range(4):
        before.track(frame(scene, index), prompts(scene) if index == 0 else [])
    before.save()
    after = Snapshot(StreamingTracker(TorchRuntime(nano), tracking), file)
    assert after.settled_ids == {1, 3}
    tracks = after.track(frame(scene, 6))
    assert [track.object_id for track in tracks] == [1, 3]
    for track in tracks:
        assert track.state == "tracked"
        assert iou(track.mask, scene.truth(6)[track.object_id]) > 0.6


def test_the_file_is_written_when_something_is_asked_for_and_every_so_often(nano, scene, tmp_path):
    file = tmp_path / "below" / "state"
    tracker = Snapshot(StreamingTracker(TorchRuntime(nano), TrackingSettings()), file, every_s=5.0)
    tracker.track(frame(scene, 0), prompts(scene))
    first = file.read_bytes()
    tracker.track(frame(scene, 1, 4.0))
    assert file.read_bytes() == first
    tracker.track(frame(scene, 2, 5.0))
    second = file.read_bytes()
    assert second != first
    tracker.track(frame(scene, 3, 5.1), [Remove(1)])
    assert len(file.read_bytes()) < len(second)
    assert [path.name for path in file.parent.iterdir()] == ["state"]


def test_the_state_of_another_model_or_nothing_of_the_kind_is_refused(nano, scene, tmp_path):
    file = tmp_path / "state"
    tracker = StreamingTracker(TorchRuntime(nano), TrackingSettings())
    Snapshot(tracker, file).track(frame(scene, 0), prompts(scene))
    data = file.read_bytes()
    file.write_bytes(data.replace(b'model\\": \\"nano', b'model\\": \\"nemo'))
    with pytest.raises(ModelError, match="its model is 'nemo', not 'nano'; remove it, or run the model it is of"):
        Snapshot(tracker, file)
    for bad in (b"", b"nothing of the kind", data[:-100]):
        file.write_bytes(bad)
        with pytest.raises(ModelError, match="is no state that can be read"):
            Snapshot(tracker, file)


def test_an_object_that_was_removed_stays_removed_after_a_restart_and_its_id_is_not_given_again(nano, scene, tmp_path):
    file = tmp_path / "state"
    before = Snapshot(StreamingTracker(TorchRuntime(nano), TrackingSettings()), file)
    before.track(frame(scene, 0), prompts(scene))
    before.track(frame(scene, 1), [Remove(3)])
    after = Snapshot(StreamingTracker(TorchRuntime(nano), TrackingSettings()), file)
    left = without_restored([*prompts(scene), Prompt(4, box=(1, 1, 9, 9))], after)
    assert [prompt.object_id for prompt in left] == [4]
    tracks = after.track(frame(scene, 2), [Prompt(box=(10, 10, 60, 60))])
    assert [track.object_id for track in tracks] == [1, 4]


def test_a_state_that_cannot_be_written_is_named(nano, scene, tmp_path):
    (tmp_path / "a").write_text("a file")
    tracker = Snapshot(StreamingTracker(TorchRuntime(nano), TrackingSettings()), tmp_path / "a" / "state")
    with pytest.raises(SinkError, match="the state cannot be written"):
        tracker.track(frame(scene, 0), prompts(scene))


def test_a_second_run_goes_on_with_the_objects_of_the_first(tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    run = ["run", "--source", "scene:?objects=2&size=320x192", "--frames", "3", "--sink", f"{tmp_path}/a.jsonl"]
    run += ["--state", str(tmp_path / "state"), "--runtime", "torch", "--json"]
    assert main([*run, "--box", "1:truth", "--box", "2:truth"]) == 0
    assert main(run) == 0
    assert "restored objects: 1, 2" in caplog.text
    assert '"id": 2' in capsys.readouterr().out.splitlines()[-1]
