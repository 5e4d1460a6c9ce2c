"""Random faults for hours: growth of memory, errors, and stale results that were published as live."""

from __future__ import annotations

import contextlib
import logging
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from streamer.bus.publisher import Publisher
from streamer.edgetam import open_tracker
from streamer.process.memory import open_descriptors, resident_mb
from streamer.process.threads import background
from streamer.rate_limit import Backoff
from streamer.sinks import open_sink
from streamer.soak.faults import FAULTS, Fault
from streamer.soak.site import Site
from streamer.soak.watched import STALE_S, Watched
from streamer.sources.watch import JITTER

log = logging.getLogger(__name__)
OBJECTS = (2, 1)  # of each source
SAMPLE_S = 1.0
WARM_UP = 0.2  # share of the samples that is left out, because memory and latency have not settled
BLOCKS = 10  # of samples that are averaged before a slope's error is estimated, because neighbours correlate
RECOVERY_S = 90.0
STARTED_S = 0.1
JOIN_TIMEOUT_S = 5.0
BACKOFF_S, STABLE_S = (1.0, 2.0, 5.0, 10.0), 3.0  # short, so that sources are connected most of the time


@dataclass(slots=True)
class Tally:
    """Counts of the faults and their outcomes."""

    tried: Counter[str] = field(default_factory=Counter)
    recoveries_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    skipped: int = 0  # faults, because both sources still had one


class Sampler:
    """Memory, descriptors, threads and latency once a second, in a thread of its own."""

    def __init__(self, watched: list[Watched]) -> None:
        self.samples: list[tuple[float, float, int, int, float]] = []
        self._watched = watched
        self._done = threading.Event()

    def __enter__(self) -> Sampler:
        self._thread = background("sampler", self._sample)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def _sample(self) -> None:
        began = time.monotonic()
        while not self._done.wait(SAMPLE_S):
            recent = [ms for one in self._watched for ms in one.pipeline.result_figures.latencies_ms[-20:]]
            latency_ms = statistics.median(recent) if recent else 0.0
            passed_s = time.monotonic() - began
            self.samples.append((passed_s, resident_mb(), open_descriptors(), threading.active_count(), latency_ms))

    def slopes(self) -> dict[str, dict[str, Any]]:
        """For each figure its slope an hour, the slope's standard error, and the means of blocks of the time."""
        settled = np.array(self.samples[int(len(self.samples) * WARM_UP) :])
        names = ("resident_mb", "descriptors", "threads", "latency_ms")
        return {name: slope(settled[:, 0] / 3600, settled[:, column]) for column, name in enumerate(names, 1)}


def slope(hours: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """A straight line through the means of blocks."""
    x, y = (np.array([part.mean() for part in np.array_split(column, BLOCKS)]) for column in (hours, values))
    (rate, start), residuals, *_ = np.linalg.lstsq(np.stack([x - x.mean(), np.ones_like(x)], axis=1), y, rcond=None)
    spread = float(np.sqrt(residuals[0] / (BLOCKS - 2) / ((x - x.mean()) ** 2).sum())) if len(residuals) else 0.0
    figures = {"an_hour": float(rate), "error": spread, "mean": float(start)}
    return {name: round(value, 3) for name, value in figures.items()} | {"blocks": [round(float(v), 1) for v in y]}


def soak(seconds: float, every_s: float, seed: int, folder: Path) -> dict[str, Any]:
    """Two sources, three objects, and a fault on one of them every `every_s` seconds; files go to `folder`."""
    rng, tally = random.Random(seed), Tally()
    with contextlib.ExitStack() as opened:
        sites = [opened.enter_context(Site()) for _ in OBJECTS]
        watched = [
            opened.enter_context(_watched(site, number, count, folder))
            for number, (site, count) in enumerate(zip(sites, OBJECTS, strict=True))
        ]
        for one in watched:
            one.wait_for_frames()
        with Sampler(watched) as sampler:
            began = time.monotonic()
            _disturb(sites, watched, began + seconds, every_s, rng, tally)
            lasted_s = time.monotonic() - began
        kept = [one.kept() for one in watched]
        probes = [one.probe for one in watched]
    files = {path.name: frames_in(path) for path in sorted(folder.glob("*.mp4"))}
    return {
        "seconds": round(lasted_s, 1),
        "seed": seed,
        "faults": dict(tally.tried),
        "faults_skipped": tally.skipped,
        "errors": tally.errors,
        "recovery_s": {
            "median": round(statistics.median(tally.recoveries_s), 2),
            "worst": round(max(tally.recoveries_s), 2),
        },
        "results": [probe.results for probe in probes],
        "stale_as_live": sum(probe.stale for probe in probes),
        "objects_kept": [f"{count} of {objects}" for count, objects in zip(kept, OBJECTS, strict=True)],
        "files": {"written": len(files), "that_do_not_play": [name for name, frames in files.items() if not frames]},
        "slopes": sampler.slopes(),
    }


def _disturb(
    sites: Sequence[Site], watched: Sequence[Watched], until: float, every_s: float, rng: random.Random, tally: Tally
) -> None:
    """A fault every `every_s` seconds, on a source that has none; returns when all sources are back."""
    with ThreadPoolExecutor(len(sites), "fault") as pool:
        for _ in sites:
            pool.submit(time.sleep, STARTED_S)  # starts all threads now: a later one would look like a leak
        busy: dict[int, Future[None]] = {}
        while time.monotonic() < until:
            free = [number for number in range(len(sites)) if number not in busy or busy[number].done()]
            if free:
                which, fault = rng.choice(free), rng.choice(FAULTS)
                busy[which] = pool.submit(_try, fault, sites[which], watched[which], tally)
            else:
                tally.skipped += 1
            time.sleep(every_s)


def _watched(site: Site, number: int, objects: int, folder: Path) -> Watched:
    sinks = {
        "zmq": Publisher("tcp://127.0.0.1:*"),
        "file": open_sink(f"{folder}/cam{number}.mp4?every=30&keep=20&required=0"),
    }
    backoff = Backoff(BACKOFF_S, jitter=JITTER, stable_s=STABLE_S)
    return Watched(site.url, open_tracker(), sinks=sinks, backoff=backoff, objects=objects, name=f"cam{number}")


def _try(fault: Fault, site: Site, watched: Watched, tally: Tally) -> None:
    log.info("%s: %s", watched.pipeline.source.name, fault.name)
    tally.tried[fault.name] += 1
    watched.probe.allowed_s = STALE_S + fault.in_truth_s
    try:
        fault.begin(site)
        time.sleep(fault.lasts_s)
        fault.mend(site)
        tally.recoveries_s.append(watched.wait_for_frames(RECOVERY_S))
    except Exception as error:
        tally.errors.append(f"{fault.name}: {error}")
        log.exception("%s", fault.name)


def frames_in(path: Path) -> int:
    """Frames of a video that can be decoded."""
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except av.error.FFmpegError:
        return 0
