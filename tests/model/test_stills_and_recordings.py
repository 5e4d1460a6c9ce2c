"""`streamer segment` and `streamer track`, as a user runs them."""

import io
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from streamer.cli import main
from streamer.cli.interactive import sessions
from streamer.edgetam.image import ImageSegmenter
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.masks import box_of, iou
from streamer.offline.refinement import Session, Work
from streamer.video.scene import Scene, SceneSettings


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    scene = Scene(SceneSettings(seed=2, objects=2, width=320, height=192))
    folder = tmp_path_factory.mktemp("stills")
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), scene.draw(index)[0][..., ::-1])
    return SimpleNamespace(folder=folder, scene=scene, box=lambda n, i: [int(v) for v in box_of(scene.truth(i)[n])])


def write(path, content):
    path.write_text(json.dumps(content))
    return str(path)


def test_segment_writes_labels_coco_and_lines_and_does_the_rest_when_something_is_wrong(
    stills, tmp_path, capsys, caplog
):
    from pycocotools.coco import COCO

    (tmp_path / "bad.jpg").write_text("no picture")
    named = {
        "0.png": [{"object_id": 1, "box": stills.box(1, 0)}, {"object_id": 2, "box": stills.box(2, 0)}],
        "1.png": [{"object_id": 1, "points": [[9999, 5, 1]]}],
        "nowhere.png": [{"object_id": 1, "box": [1, 1, 9, 9]}],
    }
    images = [str(stills.folder / "0.png"), str(stills.folder / "1.png"), str(tmp_path / "bad.jpg")]
    out = tmp_path / "out"
    asked = ["--prompts", write(tmp_path / "p.json", named), "--format", "png,coco,jsonl", "--out", str(out), "--json"]
    assert main(["segment", *images, *asked]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [entry["image"] for entry in said["images"]] == images[:1]
    assert len(said["failed"]) == 3
    for words in (
        "bad.jpg: cannot be read as an image",
        "1.png: object 1: point (9999, 5) is outside",
        "nowhere.png: prompted",
    ):
        assert words in caplog.text
    labels = cv2.imread(str(out / "0.png"), cv2.IMREAD_UNCHANGED)
    coco = COCO(str(out / "annotations.json"))
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation) > 0
        assert annotation["area"] == mask.sum() > 0
        assert iou(mask, stills.scene.truth(0)[annotation["object_id"]]) > 0.5
        assert (labels == annotation["object_id"]).any()
    assert len(json.loads((out / "segments.jsonl").read_text())["segments"]) == 2
    assert (out / "0.overlay.jpg").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to do: give"),
        (["--box", "1:5,5,5,9"], "box (5.0, 5.0, 5.0, 9.0) has no area"),
        (["--auto", "--format", "gif"], "--format 'gif' is unknown; known: png, coco, jsonl"),
        (["--auto", "--points-per-side", "0"], "--points-per-side is 1 or more"),
    ],
)
def test_segment_says_what_is_wrong_in_one_line(stills, options, words, capsys, caplog, tmp_path):
    assert main(["segment", str(stills.folder / "0.png"), "--out", str(tmp_path), *options]) != 0
    assert words in capsys.readouterr().err + caplog.text


def test_every_step_of_an_interactive_session_can_be_undone(nano, stills):
    segmenter = ImageSegmenter(TorchRuntime(nano))
    image = stills.scene.draw(0)[0]
    x0, y0, x1, y1 = stills.box(1, 0)
    typed = io.StringIO(
        f"+ {(x0 + x1) / 2} {(y0 + y1) / 2}\nbox {x0} {y0} {x1} {y1}\n- 2 2\nnonsense\n+ 9999 1\nundo\nnext\n"
    )
    work = Work(stills.folder / "0.png", image)
    ((_, segments),) = sessions(segmenter, iter([work]), typed)
    session = Session(segmenter, segmenter.embed([image])[0])
    session.click((x0 + x1) / 2, (y0 + y1) / 2, 1)
    session.box((x0, y0, x1, y1))
    np.testing.assert_array_equal(segments[0].mask, session.now.segments[0].mask)
    session.new()
    session.click(20, 20, 1)
    assert [segment.object_id for segment in session.now.segments] == [1, 2]
    while session.undo():
        pass
    assert session.now.segments == ()


def test_track_writes_files_corrects_them_and_names_what_it_cannot_use(stills, tmp_path, capsys, caplog):
    out, prompts = tmp_path / "out", tmp_path / "p.json"
    command = ["track", str(stills.folder), "--prompts", str(prompts), "--out", str(out), "--json"]
    write(prompts, {"2": [{"object_id": 1, "box": stills.box(1, 2)}], "99": [{"object_id": 2, "box": [1, 1, 9, 9]}]})
    assert main(command) == 1
    assert "prompts of frame 99: not there: the recording has frames 0 to 5" in caplog.text
    assert json.loads(capsys.readouterr().out)["prompts_refused"] == 1
    lines = [json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(6))
    assert all([entry["id"] for entry in line["objects"]] == [1] for line in lines)
    before = {path.name: path.read_bytes() for path in (out / "masks").iterdir()}
    write(prompts, {"2": [{"object_id": 1, "box": stills.box(1, 2)}], "4": [{"object_id": 2, "box": stills.box(2, 4)}]})
    assert main(command) == 0
    after = {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (out / "masks").iterdir()}
    assert all((image == 2).any() for image in after.values())
    again = {name: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) for name, data in before.items()}
    hidden = {name: after[name] == 2 for name in after}
    assert all(np.array_equal((again[name] == 1) & ~hidden[name], after[name] == 1) for name in after)
    assert main([*command, "--tracking", "zoom=3"]) == 1
    assert "give another --out" in capsys.readouterr().err
