#!/usr/bin/env python
"""Train the embedded checkpoint `nano` on two CPU cores: `scripts/train_nano.py --data ROOT --out runs/nano`.

ROOT holds `train-frames/*.jpg` (backgrounds) and `train-objects/{images/*.jpg,masks/*.png}` (0 is background, other
values are instances). Stopping at any time is safe: the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import cv2
import numpy as np
import torch
from nano import architecture
from nano.clips import Clip, Stills, make
from nano.network import Network, Step, run
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

WARMUP = 200
AVERAGING = 0.998  # of the exported weights: about the last 500 steps
SAVE_EVERY_S = 240


@dataclass(frozen=True, slots=True)
class Stage:
    """So many steps on batches of `clips` clips of `frames` frames with `targets` prompted objects each.

    The learning rate falls in a straight line over the stage.
    """

    name: str
    steps: int
    first_rate: float
    last_rate: float
    clips: int
    frames: int
    targets: int


class Batches(Dataset[list[Clip]]):
    """Batch number `index` of the whole plan; it depends on the seed and the index alone."""

    def __init__(self, stills: Stills, stages: list[Stage], seed: int, size: int) -> None:
        self.stills, self.stages, self.seed, self.size = stills, stages, seed, size

    def __len__(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def __getitem__(self, index: int) -> list[Clip]:
        cv2.setNumThreads(1)
        stage, _ = stage_at(self.stages, index)
        first = (self.seed << 32) + index * 64
        return [make(self.stills, first + i, stage.frames, stage.targets, self.size) for i in range(stage.clips)]


def stage_at(stages: list[Stage], step: int) -> tuple[Stage, float]:
    """The stage of a step, and how far into it the step is, 0 to 1."""
    for stage in stages:
        if step < stage.steps:
            return stage, step / stage.steps
        step -= stage.steps
    return stages[-1], 1.0


def rate(stages: list[Stage], step: int) -> float:
    """The learning rate of a step."""
    stage, progress = stage_at(stages, step)
    return min(1.0, (step + 1) / WARMUP) * (stage.first_rate + (stage.last_rate - stage.first_rate) * progress)


class FrozenBackbone:
    """The ImageNet backbone in OpenVINO: three times faster than eager torch, and it needs no gradient."""

    def __init__(self, backbone: nn.Module, threads: int) -> None:
        import openvino

        class Maps(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.timm = backbone.timm_model

            def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
                return tuple(self.timm(pixels))

        self.model = openvino.convert_model(Maps().eval(), example_input=torch.rand(1, 3, 256, 256))
        self.options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self.core = openvino.Core()
        self.compiled: dict[tuple[int, ...], Any] = {}

    def __call__(self, images_nhwc: np.ndarray) -> list[Tensor]:
        pixels = np.ascontiguousarray(images_nhwc.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
        if pixels.shape not in self.compiled:
            self.model.reshape(list(pixels.shape))
            self.compiled[pixels.shape] = self.core.compile_model(self.model, "CPU", self.options)
        return [torch.from_numpy(value.copy()) for value in self.compiled[pixels.shape](pixels).values()]


class Training:
    """Model, optimiser and averaged weights, with one file that holds them all."""

    def __init__(self, out: Path, seed: int, threads: int) -> None:
        self.out = out
        self.model = architecture.build(seed)
        self.backbone = FrozenBackbone(self.model.vision_encoder.backbone, threads)
        self.model.vision_encoder.backbone.requires_grad_(False)
        self.net = Network(self.model)
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        matrices = [p for p in self.trained.values() if p.ndim > 1]
        vectors = [p for p in self.trained.values() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self.average = {n: p.detach().clone() for n, p in self.trained.items()}
        self.step = 0

    @property
    def file(self) -> Path:
        return self.out / "training.pt"

    def load(self) -> None:
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average, self.step = state["average"], state["step"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
        }
        torch.save(state, self.file.with_suffix(".tmp"))
        self.file.with_suffix(".tmp").replace(self.file)
        raw = {n: p.detach().clone() for n, p in self.trained.items()}
        self.assign(self.average)
        architecture.save(self.model, self.out / "checkpoint")
        self.assign(raw)

    @torch.no_grad()
    def assign(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.trained.items():
            parameter.copy_(weights[name])

    def update(self, clips: list[Clip], learning_rate: float, seed: int) -> dict[str, float]:
        frames = np.concatenate([clip.frames for clip in clips])
        step = Step.of(np.stack([clip.masks for clip in clips]), np.random.default_rng(seed))
        tally = run(self.net, self.backbone(frames), step)
        loss = torch.stack(tally.losses).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(list(self.trained.values()), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        if not math.isfinite(norm.item()):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite; resume from {self.file}")
        self.optimiser.step()
        keep = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, parameter in self.trained.items():
                self.average[name].lerp_(parameter, 1 - keep)
        return {"loss": loss.item(), **{k: float(np.mean(v)) for k, v in tally.ious.items() if v}}


def train(training: Training, batches: DataLoader[list[Clip]], stages: list[Stage], seed: int) -> None:
    window: dict[str, list[float]] = {}
    saved = started = time.monotonic()
    for clips in batches:
        stage, _ = stage_at(stages, training.step)
        seen = training.update(clips, rate(stages, training.step), seed + training.step)
        training.step += 1
        for name, value in seen.items():
            window.setdefault(name, []).append(value)
        if training.step % 25 == 0:
            line = {name: round(float(np.mean(values)), 4) for name, values in window.items()}
            head = {"step": training.step, "stage": stage.name, "seconds": round(time.monotonic() - started, 1)}
            with (training.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(head | line) + "\n")
            print(head | line, flush=True)
            window = {}
        if time.monotonic() - saved > SAVE_EVERY_S:
            training.save()
            saved = time.monotonic()
    training.save()


def as_given(batch: list[list[Clip]]) -> list[Clip]:
    return batch[0]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "nano")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    parser.add_argument("--steps", type=int, nargs=3, default=(2200, 2900, 300), help="pictures, clips, long clips")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    pictures, clips, long_clips = given.steps
    stages = [
        Stage("pictures", pictures, 6e-4, 4e-4, clips=6, frames=1, targets=4),
        Stage("clips", clips, 4e-4, 1e-4, clips=3, frames=4, targets=3),
        Stage("long clips", long_clips, 1e-4, 1e-5, clips=2, frames=8, targets=3),
    ]
    data = Batches(Stills.under(given.data), stages, given.seed, architecture.SIZE)
    training = Training(given.out, given.seed, given.threads)
    if training.file.exists():
        training.load()
    loader = DataLoader(
        data, sampler=range(training.step, len(data)), collate_fn=as_given, num_workers=given.workers, prefetch_factor=4
    )
    train(training, loader, stages, given.seed << 20)


if __name__ == "__main__":
    main()
