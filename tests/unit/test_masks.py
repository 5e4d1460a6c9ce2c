import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from streamer.masks import CODECS, box_of, colour, decode, encode, iou, overlay, png_size
from streamer.process.memory import resident_mb
from tests.fakes import track


def shape(name):
    mask = np.zeros((90, 120), np.uint8)
    if name == "blob":
        cv2.ellipse(mask, (60, 40), (30, 20), 20, 0, 360, 1, -1)
    elif name == "ring":
        cv2.circle(mask, (50, 45), 30, 1, 8)
    elif name == "parts":
        mask[5:20, 5:30] = 1
        mask[60:85, 80:119] = 1
    elif name == "full":
        mask[:] = 1
    elif name == "dot":
        mask[89, 119] = 1
    return mask.astype(bool)


@pytest.mark.parametrize("name", ["blob", "ring", "parts", "full", "dot", "empty"])
@pytest.mark.parametrize("codec", CODECS)
def test_a_mask_comes_back_from_every_codec(name, codec):
    mask = shape(name)
    box = box_of(mask)
    got = decode(encode(mask, box, codec), box, codec, (120, 90))
    assert iou(got, mask) >= (0.9 if codec == "polygon" else 1.0)


def test_the_box_ends_behind_the_last_pixel():
    assert box_of(shape("dot")) == (119, 89, 120, 90)
    assert box_of(shape("empty")) is None


def test_coco_tools_read_our_rle():
    mask = shape("ring")
    data = encode(mask, (0, 0, 120, 90), "rle")
    np.testing.assert_array_equal(coco.decode({"size": [90, 120], "counts": data}).astype(bool), mask)


def test_what_coco_tools_write_is_read():
    noise = np.random.default_rng(1)
    for height, width in ((1, 1), (1, 9), (7, 1), (33, 70), (300, 400)):
        for density in (0.0, 0.02, 0.5, 1.0):
            mask = noise.random((height, width)) < density
            data = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
            np.testing.assert_array_equal(decode(data, (0, 0, width, height), "rle", (width, height)), mask)


@pytest.mark.parametrize("data", [b"", b"0", b"Z", b"ooooooooooo0", b"9" * 50, b"\xff", b"P" * 9, b"d0n0", b"k0k0"])
def test_broken_run_lengths_are_refused(data):
    with pytest.raises(ValueError, match="run length"):
        decode(data, (0, 0, 10, 10), "rle", (20, 20))


def test_broken_run_lengths_cost_no_memory():
    """pycocotools leaks the whole mask for each of them."""
    before = resident_mb()
    for _ in range(40):
        with pytest.raises(ValueError, match="run length"):
            decode(b"0", (0, 0, 4000, 4000), "rle", (4000, 4000))
    assert resident_mb() - before < 200


def test_an_image_of_another_size_is_not_unpacked(monkeypatch):
    large = cv2.imencode(".png", np.zeros((600, 600), np.uint8))[1].tobytes()
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was unpacked"))
    with pytest.raises(ValueError, match="no png mask of 10 x 10"):
        decode(large, (0, 0, 10, 10), "png", (20, 20))


def test_a_picture_that_promises_more_than_it_has_is_not_read():
    png = bytearray(encode(shape("dot"), (0, 0, 120, 90), "png"))
    at = png.index(b"IDAT")
    png[at - 4 : at] = b"\xff\xff\xff\xe5"  # OpenCV takes 4 GB for it
    for data in (bytes(png), bytes(png[:40]), bytes(png[:20])):
        assert png_size(data) is None
        with pytest.raises(ValueError, match="no png mask"):
            decode(data, (0, 0, 120, 90), "png", (120, 90))


@pytest.mark.parametrize("codec", ["bits", "png"])
def test_garbage_is_refused(codec):
    with pytest.raises(ValueError, match=r"bytes|decompress|packed"):
        decode(b"garbage", (0, 0, 10, 10), codec, (20, 20))


def test_a_box_outside_the_picture_is_refused():
    with pytest.raises(ValueError, match="does not lie"):
        decode(b"", (0, 0, 30, 10), "rle", (20, 20))


def test_bits_that_unpack_to_far_too_much_are_refused():
    import zlib

    with pytest.raises(ValueError, match="packed bytes"):
        decode(zlib.compress(b"\0" * 10_000_000), (0, 0, 8, 8), "bits", (8, 8))


def test_iou_of_two_empty_masks_is_one():
    assert iou(shape("empty"), shape("empty")) == 1
    assert iou(shape("blob"), shape("empty")) == 0


def test_drawing_never_touches_the_captured_image():
    image = np.full((48, 64, 3), 90, np.uint8)
    image.flags.writeable = False
    drawn = overlay(image, [track(1), track(2)])
    assert (image == 90).all()
    assert (drawn[5, 10] != 90).any()


def test_an_id_keeps_its_colour_and_neighbours_differ():
    assert colour(3) == colour(3)
    assert len({colour(i) for i in range(50)}) == 50
    near = np.abs(np.array(colour(1)) - np.array(colour(2))).sum()
    assert near > 100
