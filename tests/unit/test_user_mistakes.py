"""What a user can get wrong with sources, sinks and recordings is one line, before anything is written."""

from pathlib import Path

import numpy as np
import pytest

from streamer.config.settings import PipelineSettings
from streamer.errors import SourceError, StreamerError, UsageError
from streamer.offline.coco import Annotations
from streamer.process.files import refuse_overwriting
from streamer.service.overwriting import check_outputs
from streamer.sinks import open_sink
from streamer.sinks.rotated import is_part
from streamer.sources import is_camera, open_source, source_address
from streamer.types import Prompt, Track
from streamer.uris import parse


def settings(source: Path | str, *sinks: str, **more: object) -> PipelineSettings:
    return PipelineSettings.model_validate({"source": {"uri": str(source)}, "sinks": sinks, **more})


@pytest.fixture
def big(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "big.mp4"
    path.write_bytes(b"a recording")
    (tmp_path / "link.mp4").symlink_to(path)
    (tmp_path / "hard.mp4").hardlink_to(path)
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "00000001.png").write_bytes(b"an image")
    return path


@pytest.mark.parametrize(
    "sink", ["big.mp4", "./big.mp4", "pics/../big.mp4", "link.mp4", "hard.mp4", "file:big.mp4", "big.mp4?every=10"]
)
def test_the_output_is_never_the_input_by_whichever_name(sink, big):
    for uri in ("big.mp4", str(big), "big.mp4?realtime", "link.mp4", f"file:{big}", f"file://{big}"):
        with pytest.raises(UsageError, match=r"is an input and would be written over"):
            check_outputs(settings(uri, sink))
    assert big.read_bytes() == b"a recording"


@pytest.mark.parametrize("source", ["pics", "pics/", "pics/*.png", "pics/00000001.png"])
def test_masks_are_not_written_among_the_images_that_are_read(source, big):
    with pytest.raises(UsageError, match="input"):
        check_outputs(settings(source, "masks:pics"))
    check_outputs(settings(source, "masks:out", "pics/run.mp4"))


def test_a_prompts_mask_and_the_state_are_inputs_and_outputs_too(big):
    mask = {"prompts": [{"object_id": 1, "mask": "pics/00000001.png"}]}
    with pytest.raises(UsageError, match=r"pics: holds the input 00000001\.png"):
        check_outputs(settings("scene:", "masks:pics", **mask))
    with pytest.raises(UsageError, match=r"big\.mp4: is an input"):
        check_outputs(settings("big.mp4", state="big.mp4"))


def test_parts_that_may_be_deleted_are_not_the_input(big, tmp_path):
    part = tmp_path / "run-20261123-054600.mp4"
    part.write_bytes(b"a part")
    with pytest.raises(UsageError, match="may delete"):
        check_outputs(settings(part, "run.mp4?every=10&keep=2"))
    check_outputs(settings(part, "run.mp4?every=10"))


def test_two_sinks_do_not_write_one_file(big):
    with pytest.raises(UsageError, match="twice"):
        check_outputs(settings("scene:", "a.mp4", "./a.mp4"))


def test_files_that_do_not_exist_yet_are_compared_too(tmp_path):
    with pytest.raises(UsageError):
        refuse_overwriting([tmp_path / "a" / "b"], [tmp_path / "a" / "." / "b"])
    refuse_overwriting([tmp_path / "a"], [tmp_path / "b"], [tmp_path / "c"])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("run-20261123-054600.mp4", True),
        ("run-20261123-054600-2.mp4", True),
        ("run-vacation-photos.mp4", False),
        ("run-20261123-0546001.mp4", False),
        ("run-20261123-054600.mkv", False),
        ("rerun-20261123-054600.mp4", False),
        ("run.mp4", False),
    ],
)
def test_retention_deletes_only_files_that_are_named_as_parts(name, ours, tmp_path):
    assert is_part(tmp_path / "run.mp4", tmp_path / name) is ours
    assert not is_part(tmp_path / "run.mp4", tmp_path / "elsewhere" / name)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("masks:", "masks:FOLDER"),
        ("x.mp4?every=nan", "every='nan' must be a finite number"),
        ("x.mp4?every=-1", "more than 0"),
        ("x.mp4?every=1&every=2", "'every' is there twice"),
        ("x.mp4?every=1&keep=1.5", "whole number"),
        ("x.mp4?every=1&keep=0", "at least 1"),
        ("x.mp4?required=perhaps", "must be 1 or 0"),
        ("x.mp4?evry=1", "unknown option 'evry'"),
        ("journal:x.sqlite?days=-1", "days"),
        ("journal:x.sqlite?days=nan", "days"),
        ("journal:x.sqlite?max_size_mb=inf", "max_size_mb"),
        ("rtsp://h/x#fps=nan", "fps='nan'"),
        ("rtsp://h/x#fps=-1", "more than 0"),
        ("zmq:tcp://127.0.0.1:5?codec=gif", "known: rle"),
        ("null:?a=1", "unknown option 'a'"),
        ("mjpeg:127.0.0.1:99999", "PORT"),
    ],
)
def test_an_option_of_a_sink_that_makes_no_sense_is_one_line(uri, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says) as caught:
        open_sink(uri)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("{folder}?fps=0", "at least 0.01"),
        ("{folder}?fps=nan", "finite"),
        ("{folder}?fps=1&fps=2", "twice"),
        ("{folder}?loop=maybe", "must be 1 or 0"),
        ("scene:?frames=1.5", "whole number"),
        ("scene:?fps=inf", "finite"),
        ("scene:?objects=-1", "at least 1"),
        ("rtsp://h/x#transport=pigeon", "one of tcp, udp"),
        ("rtsps://h/x#verify=2", "must be 1 or 0"),
        ("camera:0?fps=0", "more than 0|cannot be opened"),
        ("", "is empty"),
        ("?realtime", "name is empty"),
        ("nowhere [abc].mp4", "no such file"),
        ("2026-11-24T10:30:00.mp4", "no such file"),
        ("gopher://x", "unknown scheme"),
        ("a" * 5000, "no such file"),
    ],
)
def test_an_option_of_a_source_that_makes_no_sense_is_one_line(uri, says, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    with pytest.raises(StreamerError, match=says) as caught:
        list(open_source(uri.format(folder=tmp_path)))
    assert isinstance(caught.value, UsageError | SourceError)
    assert "\n" not in str(caught.value)


def test_a_name_with_a_colon_is_no_scheme_and_what_exists_is_no_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse("2026-11-24T10:30:00.mp4").scheme == ""
    assert parse("C:\\film.mp4").scheme == ""
    Path("camera:0").write_bytes(b"")
    assert not is_camera("camera:0")
    Path("what?loop").write_bytes(b"")
    assert source_address("what?loop").options == {}
    assert source_address("what?loop?realtime").options == {"realtime": "1"}
    assert source_address("camera:0?realtime&loop").options == {"realtime": "1", "loop": "1"}


def test_a_box_that_reaches_out_of_the_frame_is_clipped_and_that_is_said(caplog):
    assert Prompt(1, box=(-5, 2, 70, 9)).clipped(48, 64).box == (0.0, 2.0, 64.0, 9.0)
    assert "object 1: box (-5.0, 2.0, 70.0, 9.0) reaches out of the 64 x 48 frame" in caplog.text
    caplog.clear()
    assert Prompt(1, box=(5, 2, 7, 9)).clipped(48, 64).box == (5, 2, 7, 9)
    assert caplog.text == ""


def test_an_empty_mask_is_no_coco_instance(tmp_path):
    out = Annotations(tmp_path, ("coco", "jsonl"))
    empty, full = np.zeros((4, 6), np.bool_), np.ones((4, 6), np.bool_)
    segments = [Track(1, empty, None, 0.1, 0.1, "lost"), Track(2, full, (0, 0, 6, 4), 1.0, 1.0, "tracked")]
    out.add("a.jpg", np.zeros((4, 6, 3), np.uint8), segments)
    out.add("b.jpg", np.zeros((4, 6, 3), np.uint8), segments[:1])
    out.close()
    from pycocotools.coco import COCO

    coco = COCO(str(tmp_path / "annotations.json"))
    assert [(each["object_id"], each["bbox"], each["area"]) for each in coco.anns.values()] == [(2, [0, 0, 6, 4], 24)]
    assert len(coco.imgs) == 2
