"""Image files are read as they are displayed."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from streamer.errors import SourceError, UsageError
from streamer.images import image_size, natural, read_image, read_mask
from streamer.offline.recording import open_recording
from streamer.sources import open_source
from tests.films import corner_of, image
from tests.mask_images import MODES


def turned(path: Path, picture: Image.Image, orientation: int) -> Path:
    """The picture stored as EXIF's orientation says, so that it is displayed as given."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose
    stored = picture if orientation == 1 else picture.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif, quality=100)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_an_image_is_turned_as_its_exif_says(suffix, orientation, tmp_path):
    path = turned(tmp_path / f"a{suffix}", Image.fromarray(image(3)), orientation)
    seen = read_image(path)
    assert seen.shape == (48, 64, 3)
    assert image_size(path) == (64, 48)
    assert corner_of(seen) == "top left"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_mask_is_turned_as_its_exif_says(suffix, orientation, tmp_path):
    drawn = np.zeros((48, 64), np.uint8)
    drawn[:16, :8] = 255
    path = turned(tmp_path / f"a{suffix}", Image.fromarray(drawn), orientation)
    np.testing.assert_array_equal(read_mask(path), drawn > 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_of_four_pixels_has_four_pixels_whichever_its_mode(mode, tmp_path):
    path = tmp_path / f"mask{'.tif' if mode in ('F', 'CMYK') else '.png'}"
    expected = np.zeros((48, 64), np.bool_)
    expected[10:12, 20:22] = True
    MODES[mode](expected).save(path)
    np.testing.assert_array_equal(read_mask(path), expected)


def test_a_mask_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    for name, says in (("a.png", "cannot be read as an image"), ("b.png", "no such file")):
        with pytest.raises(UsageError, match=rf"mask .*{name}: {says}"):
            read_mask(tmp_path / name)


@pytest.mark.parametrize("kind", ["uint16", "colour of 16 bits", "int16", "float32"])
def test_stills_of_more_than_8_bits_are_scaled_to_their_range(kind, tmp_path, caplog):
    depth = np.linspace(1000, 1400, 48 * 64).reshape(48, 64)
    values = depth.astype(np.float32 if kind == "float32" else np.int16 if kind == "int16" else np.uint16)
    path = tmp_path / ("a.png" if values.dtype == np.uint16 else "a.tif")
    cv2.imwrite(str(path), np.repeat(values[..., None], 3, 2) if kind.startswith("colour") else values)
    seen = read_image(path)
    assert (seen.dtype, seen.shape, seen.min(), seen.max()) == (np.uint8, (48, 64, 3), 0, 255)
    assert abs(int(seen[24, 0, 0]) - 127) < 4
    assert "from 1000 to 1400 are scaled" in caplog.text


def test_flat_and_not_a_number_are_scaled_too(tmp_path):
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((4, 4), 700, np.uint16))
    assert read_image(tmp_path / "flat.png").max() == 0
    values = np.array([[np.nan, 1.0], [np.inf, 3.0]], np.float32)
    cv2.imwrite(str(tmp_path / "a.tif"), values)
    assert read_image(tmp_path / "a.tif")[..., 0].tolist() == [[0, 0], [255, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_of_an_image_is_read_as_red_green_blue(mode, tmp_path):
    path = tmp_path / f"a{'.tif' if mode == 'CMYK' else '.png'}"
    Image.fromarray(np.full((4, 6, 3), 255, np.uint8)).convert(mode).save(path)
    assert read_image(path).shape == (4, 6, 3)
    assert read_image(path).min() >= 250


def test_an_image_above_two_to_the_thirty_pixels_is_named(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("L", (4, 3)).save(path)
    head = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 30_000, 8, 0, 0, 0, 0)
    data = path.read_bytes()
    path.write_bytes(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:])
    with pytest.raises(UsageError, match=r"huge\.png: has more than 2\^30 pixels"):
        read_image(path)


def test_frame_2_comes_before_frame_10(tmp_path):
    for number in (1, 2, 10, 11, 100):
        Image.fromarray(image(number % 30)).save(tmp_path / f"frame_{number}.png")
    brightness = [int(image(number % 30)[-1, -1, 0]) for number in (1, 2, 10, 11, 100)]
    assert [int(frame.image[-1, -1, 0]) for frame in open_recording(tmp_path).frames(0, 4)] == brightness
    assert [int(f.image[-1, -1, 0]) for f in open_source(f"{tmp_path}/*.png") if hasattr(f, "image")] == brightness
    names = ["b1.png", "B2.png", "a10.png", "a9.png", "a09.png"]
    assert [path.name for path in sorted(map(Path, names), key=natural)] == [
        "a09.png", "a9.png", "a10.png", "b1.png", "B2.png",
    ]  # fmt: skip


def test_images_of_a_folder_have_each_their_own_size(tmp_path):
    sizes = [(64, 48), (48, 64), (64, 48)]
    for index, size in enumerate(sizes):
        Image.fromarray(image(index, size)).save(tmp_path / f"{index}.png")
    recording = open_recording(tmp_path)
    assert [recording.size_of(index) for index in range(3)] == sizes
    assert [(frame.width, frame.height) for frame in recording.frames(0, 2)] == sizes
    assert [frame.epoch for frame in open_source(str(tmp_path))] == [0, 1, 2]


def test_files_that_a_mac_leaves_beside_images_are_no_images(tmp_path):
    Image.fromarray(image(1)).save(tmp_path / "1.png")
    (tmp_path / "._1.png").write_bytes(b"resource fork")
    assert len(list(open_source(str(tmp_path)))) == 1


def test_an_image_that_cannot_be_read_ends_a_run_with_its_name(tmp_path):
    (tmp_path / "1.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match=r"1\.png: cannot be read as an image"):
        list(open_source(str(tmp_path)))
