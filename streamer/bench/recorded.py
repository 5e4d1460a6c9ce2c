"""Measurements on stills and recordings."""

from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from streamer.bench.live import SETTLED, slope_kb
from streamer.edgetam import open_segmenter, open_tracker
from streamer.edgetam.runtimes.port import describe
from streamer.masks import box_of, deepest_point, iou
from streamer.offline.propagation import Propagation
from streamer.offline.recording import open_recording
from streamer.offline.store import Store
from streamer.pipeline.meter import percentiles
from streamer.process.memory import resident_mb
from streamer.types import Prompt
from streamer.video.scene import Scene, SceneSettings

SAMPLE_EVERY = 25
SMALL, STILL = (320, 192), (1280, 720)


def image(model: str, rounds: int) -> dict[str, Any]:
    """What a first click on an image costs, what a further one, and whether a batch is as good as single calls."""
    segmenter, scene = open_segmenter(model), Scene(SceneSettings(objects=5, width=STILL[0], height=STILL[1]))
    image_hwc, truth = scene.draw(0)
    click = deepest_point(truth[1])
    first, further = Prompt(1, points=(click,), labels=(1,)), Prompt(1, points=(click, (3.0, 3.0)), labels=(1, 0))
    firsts: list[float] = []
    furthers: list[float] = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        (embedded,) = segmenter.embed([image_hwc])
        (one,) = segmenter.segment(embedded, [first])
        between = time.perf_counter()
        segmenter.segment(embedded, [further], previous={1: one})
        firsts.append(1000 * (between - began))
        furthers.append(1000 * (time.perf_counter() - between))
    boxes = {number: box for number, mask in truth.items() if (box := box_of(mask)) is not None}
    prompts = [Prompt(number, box=box) for number, box in boxes.items()]
    pairs = [(image_hwc[:, 20:], prompts[:1]), (image_hwc[10:], prompts[:3]), (image_hwc, prompts)]
    together = list(segmenter.batch(pairs))
    alone = [segmenter.segment(segmenter.embed([image])[0], prompted) for image, prompted in pairs]
    overlaps = [iou(a.mask, b.mask) for x, y in zip(together, alone, strict=True) for a, b in zip(x, y, strict=True)]
    return {
        "first_click_ms": percentiles(firsts[1:]),
        "further_click_ms": percentiles(furthers[1:]),
        "further_to_first": round(float(np.median(furthers[1:]) / np.median(firsts[1:])), 3),
        "image_size": list(STILL),
        "batch_to_single_lowest_iou": round(min(overlaps), 5),
        "model": describe(segmenter.runtime.info, segmenter.runtime.name),
    }


def video(model: str, frames: int) -> dict[str, Any]:
    """Memory while a long recording is tracked, decoding and writing included."""
    tracker = open_tracker(model)
    with tempfile.TemporaryDirectory() as folder:
        path, boxes = _film(Path(folder) / "long.mp4", frames)
        recording, store = open_recording(path), Store(Path(folder) / "work.sqlite")
        samples: list[tuple[int, float]] = []
        seen = iter(range(frames * 2))

        def progress() -> None:
            if (index := next(seen)) % SAMPLE_EVERY == 0:
                samples.append((index, resident_mb()))

        prompts = {number: {0: Prompt(number, box=box)} for number, box in boxes.items()}
        run = Propagation(recording, store, tracker.runtime, tracker.tracking, exact=False, progress=progress)
        run.plan(prompts)
        began = time.perf_counter()
        run.run(prompts)
        took_s = time.perf_counter() - began
        store.close()
    settled = samples[int(len(samples) * SETTLED) :]
    return {
        "rss_slope_kb_per_frame": slope_kb(settled),
        "rss_mb": {"settled": round(settled[0][1], 1), "end": round(samples[-1][1], 1)},
        "fps": round(frames / took_s, 1),
        "frames": recording.count,
        "objects": len(prompts),
        "model": tracker.describe(),
    }


def _film(path: Path, frames: int) -> tuple[Path, dict[int, tuple[int, int, int, int]]]:
    """A scene as a file, and the boxes of its objects on the first frame."""
    scene = Scene(SceneSettings(objects=2, width=SMALL[0], height=SMALL[1], frames=frames))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = *SMALL, "yuv420p"
        for index in range(frames):
            image_hwc = cast(Any, scene.draw(index)[0])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image_hwc, format="rgb24")))
        container.mux(stream.encode(None))
    return path, {number: box for number, mask in scene.truth(0).items() if (box := box_of(mask)) is not None}
