"""Measurements of `streamer serve`: cameras beside each other, and readers on one of them."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from streamer.config.load import checked
from streamer.config.settings import CameraSettings, ModelSettings, ServeSettings
from streamer.edgetam import open_engine
from streamer.process.memory import resident_mb
from streamer.service.camera import Shared
from streamer.service.cameras import Cameras
from streamer.web.readers import READ_TIMEOUT_S
from streamer.web.serve_app import serving

SETTLE_S = 4.0  # before anything is counted
ROUNDS = 2  # of each kind, in turn


def cameras(
    model: str, fps: float, seconds: float, objects: Sequence[int], *, max_fps: float | None = None
) -> dict[str, Any]:
    """Cameras of 640 x 360 on one engine with these numbers of objects: results a second of each, and of the others
    while the first is killed and restored.
    """
    shared = Shared(open_engine(model), checked(ModelSettings, {"id": model}, "bench"))
    names = [f"cam{number}" for number in range(len(objects))]
    with contextlib.closing(Cameras(shared)) as served:
        for number, name in enumerate(names):
            served.add(name, _camera(number, fps, objects[number], max_fps))
        time.sleep(SETTLE_S)
        before = _rates(served, names, seconds)
        served.remove(names[0])
        without = _rates(served, names[1:], seconds)
        served.add(names[0], _camera(0, fps, objects[0], max_fps))
        time.sleep(SETTLE_S)
        after = _rates(served, names, seconds)
        changes = [abs(rates[name] / before[name] - 1) for rates in (without, after) for name in names[1:]]
        return {
            "model": shared.engine.describe(),
            "source_fps": fps,
            "max_fps": max_fps,
            "objects": list(objects),
            "fps": {name: round(rate, 2) for name, rate in before.items()},
            "slowest_of_mean": round(min(before.values()) / statistics.mean(before.values()), 3),
            "fps_without_one": {name: round(rate, 2) for name, rate in without.items()},
            "fps_after": {name: round(rate, 2) for name, rate in after.items()},
            "others_changed_at_most": round(max(changes), 3),
            **{key: {name: served[name].status()[key] for name in names} for key in ("fps_of_model", "latency_ms")},
            "rss_mb": round(resident_mb(), 1),
        }


def readers(model: str, count: int, fps: float, seconds: float, objects: int) -> dict[str, Any]:
    """One camera with and without readers of its frames, in turn, and with one frozen reader."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "model": {"id": model},
            "cameras": {"cam": _camera(0, fps, objects).model_dump()},
            "web": {"port": 0},
            "events": {"file": Path(folder) / "events.sqlite", "clips": None},
        }
        with serving(checked(ServeSettings, settings, "bench")) as (serve_app, server):
            time.sleep(SETTLE_S)
            alone: list[float] = []
            together: list[float] = []
            read: list[list[float]] = []
            memory = [resident_mb()]
            for _ in range(ROUNDS):
                alone += _rates(serve_app.cameras, ["cam"], seconds).values()
                with _reading(server.url, count, SETTLE_S + max(seconds, READ_TIMEOUT_S)) as received:
                    time.sleep(SETTLE_S)
                    together += _rates(serve_app.cameras, ["cam"], seconds).values()
                read.append(received())
                memory.append(resident_mb())
            latency = serve_app.cameras["cam"].status()["latency_ms"]
            dropped = serve_app.readers.dropped
    return {
        "source_fps": fps,
        "readers": count,
        "and_frozen": 1,
        "fps_alone": round(statistics.median(alone), 2),
        "fps_with_readers": round(statistics.median(together), 2),
        "ratio": round(statistics.median(together) / statistics.median(alone), 3),
        "latency_ms": latency,
        "reader_fps": {
            "least": round(min(min(rates) for rates in read), 2),
            "median": round(statistics.median(rate for rates in read for rate in rates), 2),
        },
        "frozen_dropped": dropped,
        "rss_mb": [round(value, 1) for value in memory],
    }


def _camera(seed: int, fps: float, objects: int, max_fps: float | None = None) -> CameraSettings:
    uri = f"scene:?seed={seed + 1}&objects={objects}&size=640x360&fps={fps:g}&frames=0&realtime"
    prompts = [{"object_id": number, "box": "truth"} for number in range(1, objects + 1)]
    return checked(CameraSettings, {"source": {"uri": uri}, "prompts": prompts, "max_fps": max_fps}, "bench")


def _rates(served: Cameras, names: Sequence[str], seconds: float) -> dict[str, float]:
    """Results a second of each camera, over a number of seconds."""
    began, counts = time.monotonic(), {name: _results(served, name) for name in names}
    time.sleep(seconds)
    passed = time.monotonic() - began
    return {name: (_results(served, name) - counts[name]) / passed for name in names}


def _results(served: Cameras, name: str) -> int:
    pipeline = served[name].pipeline
    return 0 if pipeline is None else pipeline.result_figures.results


@contextlib.contextmanager
def _reading(url: str, count: int, seconds: float) -> Iterator[Callable[[], list[float]]]:
    """Readers in a process of their own; what they received is known after the block."""
    words = [sys.executable, "-m", "streamer.bench.reader", url, "cam", str(count), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    yield lambda: list(json.loads(process.communicate()[0]))
    process.wait()
