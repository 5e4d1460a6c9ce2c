"""Positions in metres, on made scenes whose geometry is known, through holes, noise and mixed rims."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamer.bus.messages import pack_masks, unpack
from streamer.config.depth import DepthSettings
from streamer.config.settings import SourceSettings
from streamer.edgetam.still import StillTracker
from streamer.errors import SourceError, UsageError
from streamer.formats.result_fields import track_fields, track_of
from streamer.masks import box_of
from streamer.pipeline.pipeline import Pipeline
from streamer.sinks.ros2 import messages
from streamer.sinks.ros2.types import header, store
from streamer.sources import open_watched
from streamer.sources.depth import WithDepth
from streamer.types import CameraInfo, Frame, Prompt, Track, TrackResult
from streamer.video.depth import located, position
from tests.fakes import ListSink

WIDTH, HEIGHT, COUNT = 160, 120, 6
CAMERA = CameraInfo(WIDTH, HEIGHT, 150.0, 150.0, 79.5, 59.5)
WALL_M, NOISE_M, HOLES = 4.0, 0.004, 0.25
YAML = f"""
image_width: {WIDTH}
image_height: {HEIGHT}
camera_matrix: {{rows: 3, cols: 3, data: [150, 0, 79.5, 0, 150, 59.5, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}
"""


def board(centre: tuple[float, float, float], size: tuple[float, float], slope: float = 0.0) -> tuple:
    """The mask and the depth of a flat board before a wall: z grows by `slope` metres for each metre to the right."""
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float))
    across, down = (columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy
    z = (centre[2] - slope * centre[0]) / (1 - slope * across)  # where a pixel's ray meets the board's plane
    inside = (np.abs(across * z - centre[0]) <= size[0] / 2) & (np.abs(down * z - centre[1]) <= size[1] / 2)
    return inside, np.where(inside, z, WALL_M)


def as_measured(mask: np.ndarray, depth: np.ndarray, seed: int = 1) -> np.ndarray:
    """Noise, holes, and a rim that is a mixture of the board and the wall."""
    rng = np.random.default_rng(seed)
    rim = mask & ~(cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    mixed = np.where(rim, (depth + WALL_M) / 2, depth) + rng.normal(0, NOISE_M, depth.shape)
    mixed[rng.random(depth.shape) < HOLES] = np.nan
    return mixed.astype(np.float32)


@pytest.mark.parametrize("centre", [(0.0, 0.0, 1.0), (0.3, -0.2, 2.0), (-0.8, 0.5, 3.0)])
@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_the_position_of_a_board_is_right_within_two_percent(centre: tuple, slope: float):
    size = (0.28 * centre[2], 0.2 * centre[2])
    mask, depth = board(centre, size, slope)
    found = position(mask, box_of(mask), as_measured(mask, depth), CAMERA)
    distance = float(np.linalg.norm(centre))
    assert np.linalg.norm(np.subtract(found.centre_m, centre)) <= 0.02 * distance
    assert found.depth_m == pytest.approx(centre[2], rel=0.02)
    assert found.extent_m[1] == pytest.approx(size[1], rel=0.12)  # a pixel at each side is mixed
    assert found.share == pytest.approx(1 - HOLES, abs=0.05)


def test_a_mask_that_is_too_large_does_not_move_the_position():
    mask, depth = board((0.2, 0.1, 1.5), (0.4, 0.3))
    larger = cv2.dilate(mask.view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    found = position(larger, box_of(larger), as_measured(mask, depth), CAMERA)
    assert np.linalg.norm(np.subtract(found.centre_m, (0.2, 0.1, 1.5))) <= 0.02 * 1.5


def test_there_is_no_position_without_depth():
    mask, depth = board((0.0, 0.0, 1.0), (0.2, 0.2))
    assert position(mask, box_of(mask), np.full_like(depth, np.nan, np.float32), CAMERA) is None
    frame = Frame.from_image(np.zeros((HEIGHT, WIDTH, 3), np.uint8), index=0)
    track = Track(1, mask, box_of(mask), 1.0, 1.0, "tracked")
    assert located(frame, (track,))[0].position is None
    lost = replace(track, mask=np.zeros_like(mask), box=None)
    assert located(replace(frame, depth=depth.astype(np.float32), camera=CAMERA), (lost,))[0].position is None


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Images and depth of a board that comes nearer: 2.0, 1.9, ... metres."""
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    (tmp_path / "cam.yaml").write_text(YAML)
    for index in range(COUNT):
        mask, depth = board((0.1, 0.0, 2.0 - index / 10), (0.5, 0.4))
        steps = np.nan_to_num(as_measured(mask, depth, index) * 1000).round().astype(np.uint16)
        cv2.imwrite(str(tmp_path / "rgb" / f"{index:04d}.png"), mask.astype(np.uint8) * 200)
        cv2.imwrite(str(tmp_path / "depth" / f"{index:04d}.png"), steps)
    return tmp_path


def settings(scene: Path, **depth: object) -> SourceSettings:
    given = {"uri": str(scene / "depth"), "camera_info": scene / "cam.yaml"} | depth
    return SourceSettings(uri=str(scene / "rgb"), depth=DepthSettings.model_validate(given))


def run(source_settings: SourceSettings) -> list[TrackResult]:
    mask, _ = board((0.1, 0.0, 2.0), (0.5, 0.4))
    kept = ListSink()
    Pipeline(open_watched(source_settings), StillTracker(), {"kept": kept}, first=[Prompt(mask=mask)]).run()
    return kept.results


def test_a_run_with_a_folder_of_depth_follows_the_board(scene: Path):
    results = run(settings(scene))
    found = [result.tracks[0].position.depth_m for result in results]
    assert found == pytest.approx([2.0 - index / 10 for index in range(COUNT)], rel=0.02)
    assert results[0].frame.depth.dtype == np.float32 and np.isnan(results[0].frame.depth).any()


def test_depth_may_be_a_video_of_16_bits_at_another_rate(scene: Path):
    with av.open(str(scene / "depth.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=50)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray16le"
        for path in sorted((scene / "depth").glob("*.png")):
            for _ in range(2):
                steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(steps, format="gray16le")))
        container.mux(stream.encode(None))
    results = run(settings(scene, uri=str(scene / "depth.mkv")))
    found = [result.tracks[0].position.depth_m for result in results]
    assert found == pytest.approx([2.0 - index / 10 for index in range(COUNT)], rel=0.02)


def test_a_frame_without_a_depth_image_near_it_has_no_position(scene: Path, caplog: pytest.LogCaptureFixture):
    for path in sorted((scene / "depth").glob("*.png"))[2:]:
        path.unlink()
    results = run(settings(scene))
    assert [result.tracks[0].position is not None for result in results] == [True] * 4 + [False] * 2  # 0.1 s is allowed
    assert "frame 4 has no depth: the nearest is 0.12 s away" in caplog.text


def test_depth_is_scaled_to_the_frames_and_refused_in_another_shape(scene: Path):
    for path in (scene / "depth").glob("*.png"):
        steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), cv2.resize(steps, (80, 60), interpolation=cv2.INTER_NEAREST))
    assert run(settings(scene))[0].tracks[0].position.depth_m == pytest.approx(2.0, rel=0.02)
    for path in (scene / "depth").glob("*.png"):
        cv2.imwrite(str(path), np.ones((60, 100), np.uint16))
    with pytest.raises(SourceError, match="depth is 100 x 60, the frames are 160 x 120, another shape"):
        run(settings(scene))


def test_a_live_sources_depth_is_the_one_that_arrived_nearest(scene: Path):
    live = settings(scene, max_age_s=5.0).model_copy(update={"uri": f"{scene}/rgb?realtime"})
    source = open_watched(live)
    frames = [item for item in source if isinstance(item, Frame)]
    source.close()
    assert isinstance(source, WithDepth)
    assert (source.live, source.nominal_fps, source.scene) == (True, None, None)
    assert len(frames) == COUNT and frames[-1].depth is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uri": "nothing/there"}, "nothing/there"),
        ({"camera_info": Path("nothing.yaml")}, "nothing.yaml: cannot be read"),
    ],
)
def test_what_is_not_there_is_one_line(scene: Path, change: dict, message: str):
    with pytest.raises((SourceError, UsageError), match=message) as error:
        run(settings(scene, **change))
    assert "\n" not in str(error.value)


def test_depth_of_8_bits_is_refused(scene: Path):
    cv2.imwrite(str(scene / "depth" / "0000.png"), np.ones((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(SourceError, match="a depth image has one channel of 16 bits, not 1 of 8"):
        run(settings(scene))
    with av.open(str(scene / "depth.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="depth needs 16 bits of grey, and its pixels are yuv420p"):
        run(settings(scene, uri=str(scene / "depth.mp4")))


def test_positions_travel_over_zeromq_json_and_ros(scene: Path):
    result = run(settings(scene))[0]
    (sent,) = result.tracks
    (read,) = unpack(pack_masks("cam/masks", result, "rle", {"v": 1, "source": "cam", "size": [WIDTH, HEIGHT]})).objects
    assert read.position == sent.position
    assert track_of(json.loads(json.dumps(track_fields(sent)))).position == sent.position
    assert asdict(sent.position)["depth_m"] == sent.position.depth_m
    made = messages.detections_3d(result.tracks, header(5, "cam"))
    kind = "vision_msgs/msg/Detection3DArray"
    (entry,) = store().deserialize_cdr(store().serialize_cdr(made, kind), kind).detections
    assert (entry.bbox.center.position.z, entry.bbox.size.x) == (sent.position.centre_m[2], sent.position.extent_m[0])
