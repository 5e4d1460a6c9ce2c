#!/usr/bin/env python
"""Train the embedded checkpoint `nano` on the CPU: `scripts/train_nano.py --data ROOT --out runs/nano`.

ROOT holds `train-frames/*.jpg` (backgrounds) and `train-objects/{images/*.jpg,masks/*.png}` (0 is background, other
values are instances). Stopping at any time is safe: the same command goes on from the last checkpoint.

One process per core, each with one thread and its own clips, averages its gradients with the others': twice the
clips a second of one process with all cores. The layers are too small to be split.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import cv2
import numpy as np
import torch
from nano import architecture
from nano.backbone import Backbone
from nano.clips import Clip, make
from nano.network import Network, Step, run
from nano.stills import Stills
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from transformers import EdgeTamVideoModel

WARMUP = 50
BACKBONE_RATE = 0.25  # of the learning rate: it starts from ImageNet, all else from nothing
AVERAGING = 0.997  # of the exported weights: about the last 330 steps
SAVE_EVERY_S = 240


@dataclass(frozen=True, slots=True)
class Stage:
    """So many steps, in which each process takes `clips` clips of `frames` frames with `targets` prompted objects each.

    The learning rate falls in a straight line over the stage.
    """

    name: str
    steps: int
    first_rate: float
    last_rate: float
    clips: int
    frames: int
    targets: int


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


class Training:
    """Model, optimiser and averaged weights, with one file that holds them all."""

    def __init__(self, out: Path, seed: int, *, tune_backbone: bool = True) -> None:
        self.out = out
        self.model = architecture.build(seed)
        backbone = self.model.vision_encoder.backbone.requires_grad_(False)
        self.backbone = Backbone(backbone.timm_model)
        tuned = {id(p.requires_grad_(tune_backbone)) for p in self.backbone.parameters()}
        self.net = Network(self.model)
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        new = [p for p in self.trained.values() if id(p) not in tuned]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in new if p.ndim > 1], "weight_decay": 0.02, "scale": 1.0},
                {"params": [p for p in new if p.ndim <= 1], "weight_decay": 0.0, "scale": 1.0},
                {"params": self.backbone.parameters(), "weight_decay": 0.02, "scale": BACKBONE_RATE},
            ],
            betas=(0.9, 0.98),
        )
        self.average = {n: p.detach().clone() for n, p in self.trained.items()}
        self.step = 0

    @property
    def file(self) -> Path:
        return self.out / "training.pt"

    def load(self) -> None:
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.net = Network(self.model)  # it computes tables from the weights
        self.average, self.step = state["average"], state["step"]

    def start_from(self, checkpoint: Path) -> None:
        """Take an exported checkpoint's weights and nothing else."""
        self.model.load_state_dict(EdgeTamVideoModel.from_pretrained(checkpoint, dtype=torch.float32).state_dict())
        self.net = Network(self.model)
        self.average = {n: p.detach().clone() for n, p in self.trained.items()}

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
        average_gradients(list(self.trained.values()))
        norm = nn.utils.clip_grad_norm_(list(self.trained.values()), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate * group["scale"]
        if not math.isfinite(norm.item()):
            raise FloatingPointError(f"step {self.step}: the gradient is not finite; resume from {self.file}")
        self.optimiser.step()
        keep = min(AVERAGING, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, parameter in self.trained.items():
                self.average[name].lerp_(parameter, 1 - keep)
        return {"loss": loss.item(), **{k: float(np.mean(v)) for k, v in tally.ious.items() if v}}


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """The mean over the processes; where one did not use a parameter, its part is zero."""
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)


def mean_of_all(window: list[dict[str, float]]) -> dict[str, float]:
    """Each figure's mean over the steps and the processes that saw it."""
    parts: list[list[dict[str, float]]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(parts, window)
    rows = [row for part in parts for row in part]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.mean([row[name] for row in rows if name in row])), 4) for name in names}


def train(process: int, given: argparse.Namespace, stages: list[Stage]) -> None:
    """One of the processes; the first of them writes."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{given.out.resolve()}/meeting", rank=process, world_size=given.processes
    )
    parent, stills = os.getppid(), Stills.under(given.data)
    training = Training(given.out, given.seed, tune_backbone=not given.freeze_backbone)
    if training.file.exists():
        training.load()
    elif given.start:
        training.start_from(given.start)
    window: list[dict[str, float]] = []
    saved = started = time.monotonic()
    while training.step < sum(stage.steps for stage in stages) and os.getppid() == parent:
        stage, _ = stage_at(stages, training.step)
        seed = (given.seed << 32) + (training.step * given.processes + process) * 64
        clips = [make(stills, seed + i, stage.frames, stage.targets, architecture.SIZE) for i in range(stage.clips)]
        window.append(training.update(clips, rate(stages, training.step), seed))
        training.step += 1
        if training.step % 25 == 0:
            line = mean_of_all(window)
            window = []
            if process == 0:
                head = {"step": training.step, "stage": stage.name, "seconds": round(time.monotonic() - started, 1)}
                with (training.out / "log.jsonl").open("a") as log:
                    log.write(json.dumps(head | line) + "\n")
                print(head | line, flush=True)
        if process == 0 and time.monotonic() - saved > SAVE_EVERY_S:
            training.save()
            saved = time.monotonic()
    if process == 0:
        training.save()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "nano")
    parser.add_argument("--start", type=Path, help="begin with the weights of this checkpoint folder")
    parser.add_argument("--freeze-backbone", action="store_true", help="train all else: a third faster")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--steps", type=int, nargs=4, default=(1500, 4000, 2000, 800), help="stills, then clips of 4, 8 and 14 frames"
    )
    parser.add_argument(
        "--rates", type=float, nargs=5, default=(6e-4, 5e-4, 2e-4, 8e-5, 5e-6), help="at the stages' ends"
    )
    return parser.parse_args()


def main() -> None:
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "meeting").unlink(missing_ok=True)
    shapes = [("stills", 4, 1, 4), ("clips of 4", 2, 4, 3), ("clips of 8", 1, 8, 3), ("clips of 14", 1, 14, 2)]
    stages = [
        Stage(name, steps, first, last, clips=clips, frames=frames, targets=targets)
        for (name, clips, frames, targets), steps, first, last in zip(
            shapes, given.steps, given.rates[:-1], given.rates[1:], strict=True
        )
    ]
    Stills.under(given.data)  # a folder without pictures is refused before any process starts
    spawn(train, (given, stages), nprocs=given.processes)


if __name__ == "__main__":
    main()
