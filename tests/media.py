"""The media matrix: a small clip for each container, codec, pixel format and oddity, read by everything that reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np

from streamer.errors import SourceError
from streamer.evaluation.davis import Clip
from streamer.offline.recording import open_recording
from streamer.types import Frame
from streamer.video.h264 import H264Encoder
from streamer.video.jpeg import jpeg_of
from tests.films import GOP, HEIGHT, WIDTH, corner_of, film, image, number_of, played

FRAMES = 16
CODECS: dict[str, tuple[str, tuple[str, ...], Mapping[str, str]]] = {  # by name: encoder, pixel formats, options
    "H.264": ("libx264", ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray"), GOP),
    "H.265": ("libx265", ("yuv420p", "yuv420p10le", "yuv444p", "gray"), {"g": "10"}),
    "VP8": ("libvpx", ("yuv420p",), {"g": "10", "auto-alt-ref": "1", "lag-in-frames": "5"}),
    "VP9": ("libvpx-vp9", ("yuv420p", "yuv444p", "yuva420p"), {"g": "10", "cpu-used": "8"}),
    "AV1": ("libsvtav1", ("yuv420p", "yuv420p10le"), {"g": "10"}),
    "MJPEG": ("mjpeg", ("yuvj420p", "yuvj422p", "yuvj444p"), {}),
    "MPEG-4": ("mpeg4", ("yuv420p",), GOP),
    "MPEG-2": ("mpeg2video", ("yuv420p", "yuv422p"), GOP),
    "ProRes": ("prores_ks", ("yuv422p10le", "yuva444p10le"), {}),
    "FFV1": ("ffv1", ("yuv420p", "yuv444p", "yuv422p10le", "gray", "gray16le", "bgra", "yuva420p"), {"level": "3"}),
}
CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "mpg", "flv")
BARE = {
    "H.264": "h264",
    "H.265": "hevc",
    "VP9": "ivf",
    "AV1": "obu",
    "MJPEG": "mjpeg",
    "MPEG-4": "m4v",
    "MPEG-2": "m2v",
}
MUXERS = {"obu": "obu", "m2v": "mpeg2video", "ts": "mpegts", "mkv": "matroska", "mpg": "mpeg"}


@dataclass(frozen=True, slots=True)
class Case:
    """One clip, and what is known of it."""

    row: str
    column: str
    write: Callable[[Path], Path]
    size: tuple[int, int] | None = (WIDTH, HEIGHT)  # None: not of one size
    corner: str | None = "top left"
    counts: range = field(default_factory=lambda: range(FRAMES, FRAMES + 1))
    breaks: bool = False

    @property
    def name(self) -> str:
        return f"{self.row} in {self.column}"


def formats() -> Iterator[Case]:
    """Every codec and pixel format in every container, and bare."""
    for name, (encoder, pixels, options) in CODECS.items():
        for pixel, column in itertools.product(pixels, (*CONTAINERS, *([BARE[name]] if name in BARE else []))):
            bare = column if column not in CONTAINERS else None

            def write(
                folder: Path,
                encoder: str = encoder,
                options: Mapping[str, str] = options,
                pixel: str = pixel,
                suffix: str = column,
                bare: str | None = bare,
            ) -> Path:
                muxer = MUXERS.get(bare, bare) if bare else None
                return film(folder / f"a.{suffix}", FRAMES, codec=encoder, options=options, pixels=pixel, format=muxer)

            yield Case(f"{name} {pixel}", column if bare is None else "bare", write)


def oddities() -> Iterator[Case]:
    """Clips that are not as a camera application writes them."""
    yield from _orientations()
    yield from _times()
    yield from _shapes()
    yield from _streams()
    yield from _damage()


def _case(row: str, suffix: str, *, size: Any = (WIDTH, HEIGHT), corner: Any = "top left", **film_options: Any) -> Case:
    return Case(row, suffix, lambda folder: film(folder / f"a.{suffix}", FRAMES, **film_options), size, corner)


def _orientations() -> Iterator[Case]:
    corners = {0: "top left", 90: "top right", 180: "bottom right", 270: "bottom left"}
    mirrored = {0: "top right", 90: "bottom right", 180: "bottom left", 270: "top left"}
    for suffix, (degrees, corner) in itertools.product(("mp4", "mov", "mkv"), corners.items()):
        size = (HEIGHT, WIDTH) if degrees in (90, 270) else (WIDTH, HEIGHT)
        yield _case(f"rotated by {degrees}", suffix, size=size, corner=corner, prepare=_turned(degrees, mirror=False))
        yield _case(
            f"mirrored, rotated by {degrees}",
            suffix,
            size=size,
            corner=mirrored[degrees],
            prepare=_turned(degrees, mirror=True),
        )


def _turned(degrees: int, *, mirror: bool) -> Callable[[Any], None]:
    """Sets the display matrix: mirrored left to right first, then turned clockwise."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    sign = -1 if mirror else 1
    one = 1 << 16

    def prepare(stream: Any) -> None:
        stream.set_display_matrix([sign * cos * one, sign * sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30])

    return prepare


def _times() -> Iterator[Case]:
    yield _case("three B-frames", "mp4", options={"g": "16", "bf": "3"})
    yield _case("open GOP", "ts", options={"g": "5", "bf": "2", "x264-params": "open-gop=1"})
    yield _case("intra refresh", "mkv", options={"g": "8", "intra-refresh": "1"})
    for suffix in ("mp4", "mkv", "webm", "ts", "flv"):
        codec = {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}} if suffix == "webm" else {}
        yield _case("variable rate", suffix, pts=lambda n: 40 * n + 170 * (n // 5), **codec)
    yield _case("missing times", "avi", options=GOP)
    yield _case("missing times", "h264", options=GOP, format="h264")
    cut = {"movflags": "use_metadata_tags", "avoid_negative_ts": "disabled", "use_editlist": "1"}
    yield Case(
        "edit list that hides 3 frames",
        "mp4",
        lambda folder: film(
            folder / "a.mp4", FRAMES, options={"g": "8", "bf": "0"}, container=cut, pts=lambda n: 40 * n - 120
        ),
        counts=range(FRAMES - 3, FRAMES + 1),
    )
    for suffix in ("mkv",):
        yield _case(
            "negative times",
            suffix,
            options={"g": "8", "bf": "0"},
            container={"avoid_negative_ts": "disabled"},
            pts=lambda n: 40 * n - 200,
        )


def _shapes() -> Iterator[Case]:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    for suffix in ("mp4", "mov", "mkv", "ts"):
        yield _case("pixels 4:3", suffix, size=(round(WIDTH * 4 / 3), HEIGHT), prepare=wide)
    for suffix in ("mp4", "ts", "mkv"):
        yield _case("interlaced", suffix, options={"x264-params": "tff=1", "g": "8"}, prepare=_interlaced)
    yield _case("interlaced", "mpg", codec="mpeg2video", prepare=_interlaced)
    for suffix, name in (("h264", "h264"), ("ts", "mpegts")):

        def grown(folder: Path, suffix: str = suffix, name: str = name) -> Path:
            half = FRAMES // 2
            large = (96, 80)
            first = film(folder / f"a.{suffix}", half, format=name)
            second = film(folder / f"b.{suffix}", half, format=name, size=large, draw=lambda n: image(half + n, large))
            path = folder / f"both.{suffix}"
            path.write_bytes(first.read_bytes() + second.read_bytes())
            return path

        yield Case("another size from the middle on", suffix, grown, None)
    yield Case("odd sides", "mkv", _odd, (63, 47))


def _odd(folder: Path) -> Path:
    return film(folder / "a.mkv", FRAMES, size=(63, 47), pixels="yuv444p")


def _interlaced(stream: Any) -> None:
    flags = av.codec.context.Flags
    stream.codec_context.flags |= flags.interlaced_dct | flags.interlaced_me


def _streams() -> Iterator[Case]:
    for suffix in ("mp4", "mkv", "ts"):

        def several(folder: Path, suffix: str = suffix) -> Path:
            path = folder / f"a.{suffix}"
            with av.open(str(path), "w") as out:
                sound: Any = out.add_stream("aac", rate=48_000)
                videos: list[Any] = [out.add_stream("libx264", rate=25) for _ in range(2)]
                for video, side in zip(videos, ((WIDTH, HEIGHT), (32, 32)), strict=True):
                    (video.width, video.height), video.pix_fmt = side, "yuv420p"
                for n in range(FRAMES):
                    for video in videos:
                        drawn = image(n, (video.width, video.height))
                        out.mux(video.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")))
                    silence = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.float32), "fltp", "mono")
                    silence.sample_rate, silence.pts = 48_000, 1920 * n
                    out.mux(sound.encode(silence))
                for stream in (*videos, sound):
                    out.mux(stream.encode(None))
            return path

        yield Case("sound and a second video", suffix, several)


def _damage() -> Iterator[Case]:
    some = range(FRAMES - 9, FRAMES + 1)
    for name in ("H.264", "H.265", "VP9", "AV1", "MJPEG", "MPEG-4"):
        encoder, pixels, options = CODECS[name]
        yield Case(
            f"a damaged packet, {name}",
            "mkv",
            lambda folder, e=encoder, o=options, p=pixels[0]: damaged(folder, e, {**o, "g": "4"}, p),  # type: ignore[misc]
            counts=some,
        )
    for suffix, options in (("mp4", {"movflags": "faststart"}), ("mkv", {}), ("avi", {}), ("flv", {}), ("ts", {})):

        def cut(folder: Path, suffix: str = suffix, options: Mapping[str, str] = options) -> Path:
            whole = film(
                folder / f"whole.{suffix}", FRAMES, container=options, options={"g": "4", "crf": "1"}, draw=_busy
            )
            path = folder / f"a.{suffix}"
            path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
            return path

        yield Case("cut off", suffix, cut, counts=range(4, FRAMES), breaks=suffix not in ("ts",))


def _busy(number: int) -> np.ndarray:
    """A frame with noise at its rim, so that its bytes are spread over the file."""
    drawn = image(number)
    drawn[-12:] = np.random.default_rng(number).integers(0, 255, (12, WIDTH, 3), np.uint8)
    return drawn


def damaged(
    folder: Path, codec: str, options: Mapping[str, str], pixels: str, at: int = 6, count: int = FRAMES
) -> Path:
    """A film of which one packet is junk."""
    whole = film(folder / "whole.mkv", count, codec=codec, options=options, pixels=pixels)
    path = folder / "damaged.mkv"
    with av.open(str(whole)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for number, packet in enumerate(before.demux(video=0)):
            if packet.dts is None:
                continue
            junk: Any = av.Packet(b"\x55" * packet.size) if number == at else packet
            junk.pts, junk.dts, junk.time_base = packet.pts, packet.dts, packet.time_base
            junk.is_keyframe, junk.stream = packet.is_keyframe, stream
            after.mux(junk)
    return path


def reference(path: Path) -> list[int]:
    """The frames' numbers as FFmpeg alone decodes them, going on after a packet that it refuses."""
    found = []
    with av.open(f"file:{path}") as container:
        if not container.streams.video:
            raise ValueError("FFmpeg finds no video in it")
        stream = container.streams.video[0]
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                found += [number_of(np.asarray(frame.to_ndarray(format="rgb24"))) for frame in stream.decode(packet)]
            except StopIteration:
                return found
            except av.error.InvalidDataError:
                continue


def faults_of(case: Case, folder: Path) -> list[str]:
    """What readers get wrong of a case; raises FFmpegError or ValueError where FFmpeg writes or reads no such clip."""
    path = case.write(folder)
    expected = reference(path)
    if not expected:
        raise ValueError("FFmpeg decodes no frame of it")
    try:
        return [
            *_faults("FFmpeg", expected, None, case),
            *_run_faults(path, expected, case),
            *_track_faults(path, expected, case),
        ]
    except SourceError as error:
        return [str(error)]


def _run_faults(path: Path, expected: list[int], case: Case) -> Iterator[str]:
    source, frames = played(path)
    yield from _faults("run", [number_of(frame.image) for frame in frames], frames, case, expected)
    times = [frame.pts_s for frame in frames if frame.pts_s is not None]
    if times != sorted(set(times)) or len(times) != len(frames):
        yield "run: times do not grow"
    if case.breaks and source.broken is None:
        yield "run: does not say that it ended early"
    yield from _page_faults(frames[:: max(1, len(frames) // 3)])


def _page_faults(frames: list[Frame]) -> Iterator[str]:
    encoder, decoder = H264Encoder(), av.CodecContext.create("h264", "r")
    for frame in frames:
        jpeg = cv2.imdecode(np.frombuffer(jpeg_of(frame), np.uint8), cv2.IMREAD_COLOR)
        if jpeg is None or jpeg.shape != frame.image.shape or abs(number_of(jpeg) - number_of(frame.image)) > 1:
            yield f"page: JPEG of frame {frame.index} differs"
        shown = decoder.decode(av.Packet(encoder.encode(frame.image)[0]))
        size = (frame.width // 2 * 2, frame.height // 2 * 2)
        if any((each.width, each.height) != size for each in shown):
            yield f"page: video of frame {frame.index} differs"


def _track_faults(path: Path, expected: list[int], case: Case) -> Iterator[str]:
    recording = open_recording(path)
    last = recording.count - 1
    frames = list(recording.frames(0, last))
    yield from _faults("track", [number_of(frame.image) for frame in frames], frames, case, expected)
    if [frame.index for frame in frames] != list(range(recording.count)):
        yield "track: numbers of frames"
    if [recording.size_of(frame.index) for frame in frames] != [(frame.width, frame.height) for frame in frames]:
        yield "track: sizes of frames"
    back = [number_of(frame.image) for frame in recording.frames(last, 0)]
    if back[::-1] != expected:
        yield "track: backwards differs"
    for index in range(0, recording.count, 3):
        if [number_of(frame.image) for frame in recording.frames(index, index)] != expected[index : index + 1]:
            yield f"track: frame {index} alone differs"
    if case.breaks and recording.broken is None:
        yield "track: does not say that it ended early"


def _faults(
    who: str, numbers: list[int], frames: list[Frame] | None, case: Case, expected: list[int] | None = None
) -> Iterator[str]:
    if len(numbers) not in case.counts:
        yield f"{who}: {len(numbers)} frames"
    if expected is not None and numbers != expected:
        yield f"{who}: not FFmpeg's frames in FFmpeg's order"
    if numbers != sorted(numbers):
        yield f"{who}: order {numbers}"
    sizes = {(frame.width, frame.height) for frame in frames or ()}
    if frames and case.size is not None and sizes != {case.size}:
        yield f"{who}: sizes {sizes}"
    corners = {corner_of(frame.image) for frame in frames or ()}
    if frames and corners != {case.corner}:
        yield f"{who}: white corner at the {', '.join(sorted(corners))}"


def evaluated(folder: Path) -> list[str]:
    """The frames of a data set as `evaluate` reads them, in all orientations of EXIF."""
    from PIL import Image

    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    paths = []
    for orientation in range(1, 9):
        upright = Image.fromarray(image(orientation))
        stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
        exif = Image.Exif()
        exif[0x0112] = orientation
        paths.append(folder / f"{orientation}.jpg")
        stored.save(paths[-1], exif=exif, quality=100)
    clip = Clip("clip", tuple(paths), folder, folder)
    frames = [clip.frame(index) for index in range(len(paths))]
    case = Case("EXIF", "jpg", lambda folder: folder, counts=range(8, 9))
    return list(_faults("evaluate", [number_of(frame.image) for frame in frames], frames, case, list(range(1, 9))))
