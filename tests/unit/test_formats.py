"""Annotators' formats: what is written is read back, by pycocotools and by our own readers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from streamer.errors import UsageError
from streamer.formats.annotation import Footage
from streamer.formats.frames import AnnotatedFrame, Clip
from streamer.formats.outlines import filled, outline
from streamer.formats.prompts import is_annotations, read_prompts
from streamer.formats.writers import FORMATS, open_writer
from streamer.masks import Mask, box_of, iou
from streamer.types import Track

WIDTH, HEIGHT, COUNT = 96, 64, 4
FOOTAGE = Footage(COUNT, WIDTH, HEIGHT)
EXACT = ("coco", "ytvis", "davis", "mots")
CLIP = Clip("street", {1: "cat", 2: "dog"})


def ring(x: int) -> Mask:
    """A disc with a hole."""
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(canvas, (x, 30), 18, 1, -1)
    cv2.circle(canvas, (x + 3, 30), 7, 0, -1)
    return canvas.view(np.bool_)


def two_parts(x: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[4:20, x : x + 14] = True
    mask[40:60, x + 4 : x + 22] = True
    return mask


def track(object_id: int, mask: Mask) -> Track:
    return Track(object_id, mask, box_of(mask), 0.9, 0.8, "tracked" if mask.any() else "lost")


def frames() -> list[AnnotatedFrame]:
    """Object 1 on every frame; object 2 from frame 1 on, unseen on frame 2."""
    nothing = np.zeros((HEIGHT, WIDTH), np.bool_)
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    found = []
    for index in range(COUNT):
        tracks = [track(1, ring(20 + 2 * index))]
        if index:
            tracks.append(track(2, nothing if index == 2 else two_parts(62 + index)))
        found.append(AnnotatedFrame(index, WIDTH, HEIGHT, tuple(tracks), image))
    return found


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with the clip in every format."""
    for name in FORMATS:
        writer = open_writer(name, tmp_path, CLIP)
        for frame in frames():
            writer.add(frame)
        writer.close()
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_back_as_the_same_masks_with_the_same_ids(written: Path, name: str):
    assert is_annotations(written / name)
    prompts = read_prompts(written / name, FOOTAGE, "all")
    for frame in frames():
        read = {prompt.object_id: prompt.mask for prompt in prompts[frame.index]}
        assert set(read) == {item.object_id for item in frame.seen}
        for item in frame.seen:
            overlap = iou(read[item.object_id], item.mask)
            assert overlap == 1.0 if name in EXACT else overlap > 0.97


def test_by_default_an_objects_first_annotation_alone_is_a_prompt(written: Path):
    prompts = read_prompts(written / "coco", FOOTAGE, "first")
    assert {index: [prompt.object_id for prompt in here] for index, here in prompts.items()} == {0: [1], 1: [2]}


def test_pycocotools_reads_coco_with_track_ids_and_categories(written: Path):
    coco = COCO(str(written / "coco/annotations/instances_default.json"))
    (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=[2], catIds=coco.getCatIds(["dog"])))
    assert annotation["attributes"]["track_id"] == annotation["instance_id"] == 2
    assert coco.imgs[2] | {"video_id": 1, "frame_id": 1} == coco.imgs[2]
    assert np.array_equal(coco.annToMask(annotation), two_parts(63))
    assert (written / "coco/images/default" / coco.imgs[2]["file_name"]).exists()


def test_ytvis_has_a_null_where_an_object_is_not_seen(written: Path):
    document = json.loads((written / "ytvis/instances.json").read_text())
    (video,) = document["videos"]
    assert video["length"] == COUNT and all(
        (written / "ytvis/JPEGImages" / name).exists() for name in video["file_names"]
    )
    assert [entry is None for entry in document["annotations"][1]["segmentations"]] == [True, False, True, False]
    assert all(len(entry[key]) == COUNT for entry in document["annotations"] for key in ("bboxes", "areas"))


def test_davis_images_have_its_palette(written: Path):
    with Image.open(written / "davis/Annotations/480p/street/00000001.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        assert set(np.unique(np.asarray(image))) == {0, 1, 2}


def test_objects_whose_ids_do_not_fit_are_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, object_id in (("davis", 255), ("mots", 1000)):
        writer = open_writer(name, tmp_path, CLIP)
        for index in range(2):
            writer.add(AnnotatedFrame(index, WIDTH, HEIGHT, (track(object_id, ring(30)),)))
        writer.close()
        assert [record.message for record in caplog.records if name in record.message] == [
            f"{name}: holds ids up to {object_id - 1}; object {object_id} is left out"
        ]


def test_cvat_tracks_end_where_an_object_is_not_seen(written: Path):
    text = (written / "cvat/annotations.xml").read_text()
    assert text.count("<track ") == 2
    assert text.count('outside="1"') == 1 and '<polygon frame="2" keyframe="1" outside="1"' in text


def test_yolo_labels_are_shares_of_the_frame(written: Path):
    category, *shares = (written / "yolo/labels/train/00000000.txt").read_text().split()
    assert category == "0" and len(shares) % 2 == 0 and all(0 <= float(share) <= 1 for share in shares)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_outline_of_a_speck_covers_it(size: int):
    mask = np.zeros((20, 20), np.bool_)
    mask[5 : 5 + size, 19 - size : 19] = True
    assert np.array_equal(filled([outline(mask, box_of(mask))], 20, 20), mask)


def test_yolo_boxes_and_coco_boxes_are_box_prompts(tmp_path: Path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (prompt,) = read_prompts(tmp_path, FOOTAGE, "first")[0]
    assert prompt.object_id == 1 and prompt.box == (36, 16, 60, 48)
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(coco_with([{"id": 1, "image_id": 7, "bbox": [1, 2, 3, 4]}])))
    (prompt,) = read_prompts(file, FOOTAGE, "first")[3]
    assert prompt.box == (1, 2, 4, 6)


def test_cvat_boxes_masks_and_key_frames_are_read(tmp_path: Path):
    file = tmp_path / "annotations.xml"
    file.write_text(
        '<annotations><track id="5" label="cat">'
        '<box frame="0" keyframe="1" outside="0" xtl="1" ytl="2" xbr="9" ybr="8"/>'
        '<box frame="1" keyframe="0" outside="0" xtl="2" ytl="2" xbr="9" ybr="8"/></track>'
        '<image id="3" name="a.png"><mask label="cat" rle="1, 3, 2" left="4" top="5" width="3" height="2"/></image>'
        "</annotations>"
    )
    prompts = read_prompts(file, FOOTAGE, "all")
    assert prompts[0][0].box == (1, 2, 9, 8) and set(prompts) == {0, 3}
    assert np.argwhere(prompts[3][0].mask).tolist() == [[5, 5], [5, 6], [6, 4]]


def coco_with(annotations: list[dict]) -> dict:
    return {"images": [{"id": 7, "file_name": "img_0003.jpg"}], "annotations": annotations, "categories": []}


BROKEN_COCO = [
    ([{"id": 1, "image_id": 8, "bbox": [1, 2, 3, 4]}], "image 8 is not in the file"),
    ([{"id": 1, "image_id": 7}], "has neither a segmentation nor a bbox"),
    ([{"id": 1, "image_id": 7, "bbox": [1, 2, 0, 4]}], "has no area"),
    ([{"id": 1, "image_id": 7, "bbox": [1, 2, 3]}], "not enough values"),
    ([{"id": 1, "image_id": 7, "segmentation": {"size": [1, 1], "counts": "0"}}], "mask is 1 x 1, the frames are 96"),
    ([{"id": 1, "image_id": 7, "segmentation": {"size": [64, 96], "counts": "zz"}}], "run length"),
    ([{"id": 1, "image_id": 7, "segmentation": [[1, 2, 3]]}], "cannot reshape"),
    ([{"id": 1, "image_id": 7, "segmentation": [[900, 900, 910, 900, 910, 910]]}], "the mask is empty"),
    ([{"id": 1, "image_id": 7, "track_id": -4, "bbox": [1, 2, 3, 4]}], "an object's id is a whole number"),
    ([{"id": 1}], "an entry is missing"),
    ([], "no annotation in it is of frames 0 to 3"),
]  # fmt: skip


@pytest.mark.parametrize(("annotations", "message"), BROKEN_COCO)
def test_a_broken_coco_file_is_one_line(tmp_path: Path, annotations: list[dict], message: str):
    file = tmp_path / "coco.json"
    file.write_text(json.dumps(coco_with(annotations)))
    with pytest.raises(UsageError, match=message) as error:
        read_prompts(file, FOOTAGE, "first")
    assert str(file) in str(error.value) and "\n" not in str(error.value)


BROKEN_FILES = [
    ("a.xml", "<annotations>", "is not XML"),
    ("a.xml", "<dogs/>", "its root is <dogs>"),
    ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "declares entities"),
    ("a.xml", '<annotations><track id="1"><box frame="x"/></track></annotations>', "not the number of a frame"),
    ("a.xml", '<annotations><track id="1"><polygon frame="0" points="1;2"/></track></annotations>', "track 1, frame 0"),
    ("a.txt", "1 2 3\n", "is not `frame id class height width rle`"),
    ("labels/0.txt", "0 0.1 0.2 0.3 0.4 0.5\n", "reshape"),
    ("labels/0.txt", "0 0.1 cat 0.3 0.4\n", "could not convert"),
    ("nothing/a.gif", "", "no annotations there"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), BROKEN_FILES)
def test_a_broken_file_of_another_format_is_one_line(tmp_path: Path, name: str, text: str, message: str):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        read_prompts(file if file.parent == tmp_path else tmp_path, FOOTAGE, "first")
    assert "\n" not in str(error.value)


def test_label_images_of_another_size_or_in_colour_are_refused(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "0.png"), np.ones((5, 6), np.uint8))
    with pytest.raises(UsageError, match="is 6 x 5, the frames are 96 x 64"):
        read_prompts(tmp_path, FOOTAGE, "first")
    cv2.imwrite(str(tmp_path / "0.png"), np.ones((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(UsageError, match="is a colour image"):
        read_prompts(tmp_path, FOOTAGE, "first")


def test_our_own_prompts_are_no_annotations(tmp_path: Path):
    file = tmp_path / "prompts.json"
    file.write_text('{"0": [{"object_id": 1, "box": [1, 2, 3, 4]}]}')
    assert not is_annotations(file)
