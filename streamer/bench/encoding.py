"""Whether several cameras' frames are better encoded together: in one batch, beside one after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from streamer.edgetam import cores
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.edgetam.steps import Encode
from streamer.edgetam.weights import Checkpoint, choose_device, load

WARM_UP = 3  # rounds


def encoding(model: str, counts: Sequence[int], rounds: int) -> dict[str, Any]:
    """Milliseconds for each number of frames, in turn, by the runtime that `auto` chooses (torch off the CPU)."""
    checkpoint = load(model)
    name = runtimes.choose("auto", choose_device("auto").type)
    prepare = _in_openvino if name == "openvino" else _in_torch
    encoders = {count: prepare(checkpoint, count) for count in counts}
    pixels = torch.randn(max(counts), 3, checkpoint.size, checkpoint.size, device=checkpoint.device)
    took_ms: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(WARM_UP + rounds):
        for count, encode in encoders.items():
            began = time.perf_counter()
            encode(pixels[:count])
            took_ms[count].append((time.perf_counter() - began) * 1e3)
    median = {count: statistics.median(times[WARM_UP:]) for count, times in took_ms.items()}
    rows = [
        {
            "frames": count,
            "apart_ms": round(median[1] * count, 1),
            "together_ms": round(median[count], 1),
            "ratio": round(median[1] * count / median[count], 2),
        }
        for count in counts
    ]
    return {"model": model, "size": checkpoint.size, "runtime": name, "encoding": rows}


def _in_openvino(checkpoint: Checkpoint, count: int) -> Callable[[Tensor], object]:
    from streamer.edgetam.runtimes.conversion import to_openvino
    from streamer.edgetam.runtimes.openvino import core, options

    model = to_openvino(Encode(checkpoint.model), checkpoint)
    model.reshape({0: [count, 3, checkpoint.size, checkpoint.size]})
    encode = core().compile_model(model, "CPU", options())
    return lambda pixels: encode([pixels.numpy()], share_inputs=True)


def _in_torch(checkpoint: Checkpoint, _: int) -> Callable[[Tensor], object]:
    encode = TorchRuntime(checkpoint)
    torch.set_num_threads(cores.count())

    def encoded(pixels: Tensor) -> None:
        _, _, top = encode.run("image_encoder", [pixels])
        top[0, 0, 0, 0].item()  # waits for the device

    return encoded
