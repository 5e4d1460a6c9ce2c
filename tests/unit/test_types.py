import subprocess
import sys

import numpy as np
import pytest

from streamer import CommandError, Frame, Prompt, Remove
from streamer.errors import UsageError
from streamer.uris import parse, parts_of, redact


def test_a_frame_is_made_of_a_bare_array_and_cannot_be_written():
    image = np.zeros((4, 6, 3), np.uint8)
    frame = Frame.from_image(image, index=3)
    assert (frame.index, frame.width, frame.height) == (3, 6, 4)
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0] = 1


@pytest.mark.parametrize("image", [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3)), np.zeros((4, 6, 4), np.uint8)])
def test_another_array_is_no_frame(image):
    with pytest.raises(ValueError, match="RGB uint8"):
        Frame.from_image(image, index=0)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "needs points"),
        ({"points": ((1, 2),)}, "1 points but 0 labels"),
        ({"box": (5, 5, 5, 9)}, "no area"),
        ({"box": (5, float("inf"), 9, 9)}, "finite"),
        ({"mask": np.zeros((3, 3), bool)}, "empty"),
        ({"mask": np.ones((3, 3))}, "H x W bool"),
        ({"mask": np.ones((3, 3), bool), "box": (0, 0, 1, 1)}, "stands alone"),
    ],
)
def test_a_prompt_that_cannot_be_meant_is_refused(fields, says):
    with pytest.raises(CommandError, match=says):
        Prompt(1, **fields)


@pytest.mark.parametrize("object_id", [-1, 1.5, "1", True, None, 2**40])
def test_an_id_is_a_whole_number(object_id):
    with pytest.raises(CommandError, match="whole number"):
        Remove(object_id)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"points": ((64, 5),), "labels": (1,)}, r"\(64, 5\) is outside the 64 x 48"),
        ({"points": ((-1, 5),), "labels": (1,)}, "outside"),
        ({"box": (70, 5, 80, 10)}, "outside"),
        ({"mask": np.ones((10, 10), bool)}, "10 x 10, the frame is 64 x 48"),
    ],
)
def test_a_prompt_must_lie_in_the_picture(fields, says, frame):
    with pytest.raises(CommandError, match=says):
        Prompt(1, **fields).check_inside(frame.height, frame.width)


@pytest.mark.parametrize(
    ("shown", "secret"),
    [
        ("rtsp://admin:hunter2@10.0.0.1/x", "hunter2"),
        ("cannot open rtsp://admin:hun@ter2@10.0.0.1/x today", "ter2@"),
        ("cannot open rtsp://admin:hunter/2@10.0.0.1/x today", "hunter"),
        ("rtsp://admin:hun#ter2@10.0.0.1/x", "hun#"),
        ("http://admin:hun?ter2@10.0.0.1/x", "hun?"),
        ("http://cam/video?user=a&password=hunter2&x=1", "hunter2"),
    ],
)
def test_passwords_are_not_shown(shown, secret):
    assert secret not in redact(shown)


@pytest.mark.parametrize(("mark", "escaped"), [("/", "%2F"), ("#", "%23"), ("?", "%3F")])
def test_a_password_with_a_character_that_ends_it_is_refused_with_how_to_write_it(mark, escaped):
    uri = f"rtsp://admin:hun{mark}ter2@10.0.0.1/x"
    for cut in (parse, parts_of):
        with pytest.raises(UsageError, match=escaped) as caught:
            cut(uri)
        assert "hun" not in str(caught.value)
        assert "ter2" not in str(caught.value)
        cut(uri.replace(mark + "ter2", escaped + "ter2"))


@pytest.mark.parametrize("uri", ["http://h:8080/a@b", "http://[::1]/a@b", "rtsp://h/a@b#transport=udp", "udp://@:1234"])
def test_an_address_with_an_at_sign_elsewhere_is_taken(uri):
    parse(uri)
    parts_of(uri)


def test_options_are_cut_from_their_address():
    assert parse("clip.mp4?loop&realtime=0").options == {"loop": "1", "realtime": "0"}
    assert parse("rtsp://h/x?a=1#transport=udp").target == "rtsp://h/x?a=1"
    assert parse("rtsp://h/x?a=1#transport=udp").options == {"transport": "udp"}
    assert parse("scene:?seed=3").scheme == "scene"


def test_importing_streamer_loads_no_heavy_package():
    code = "import streamer, sys; print([m for m in ('torch', 'av', 'cv2', 'zmq') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
