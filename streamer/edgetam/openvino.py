"""The graphs of a frame in OpenVINO. What was converted is kept on disk, so only the first start waits for it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # its converter reports to its makers else

import openvino
import torch
from torch import Tensor
from torch.export import Dim

from streamer.edgetam import workers
from streamer.edgetam.graphs import Bank, Features, Masks, memory_position
from streamer.edgetam.steps import Encode, Follow, Remember
from streamer.edgetam.weights import Checkpoint

log = logging.getLogger(__name__)
Step = Encode | Follow | Remember

FORMAT = 1  # of what is kept: raise it when the graphs change
MAX_OBJECTS, MAX_MEMORIES, MAX_POINTERS = 1024, 256, 256  # only what shapes are allowed: nothing is reserved


class OpenVinoRuntime:
    """Compiled graphs on the CPU; any number of objects without compiling again."""

    name = "openvino"

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._core = openvino.Core()
        self._options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": workers.chosen()}
        self._checkpoint = checkpoint
        folder = cache_folder() / fingerprint(checkpoint.model)
        self._encode, self._follow, self._remember = (
            self._compile(folder, step) for step in (Encode, Follow, Remember)
        )

    def encode(self, pixels_13hw: Tensor) -> Features:
        return Features(*run(self._encode, [pixels_13hw]))

    def follow(self, features: Features, bank: Bank) -> tuple[Masks, Tensor]:
        memory_valid, pointer_valid = bank.memory_valid_bm, bank.pointer_valid_bp
        if memory_valid is None or pointer_valid is None:
            memory_valid = torch.ones_like(bank.memory_age_bm, dtype=torch.bool)
            pointer_valid = torch.ones_like(bank.pointer_age_bp, dtype=torch.bool)
        config = self._checkpoint.model.config
        memories = [bank.memories_bmtc, bank.memory_age_bm, memory_valid]
        pointers = [bank.pointers_bpc, bank.pointer_age_bp, pointer_valid]
        memories = [lengthened(part, config.num_maskmem) for part in memories]
        pointers = [lengthened(part, config.max_object_pointers_in_encoder) for part in pointers]
        *masks, top = run(
            self._follow, [features.s0_gchw, features.s1_gchw, features.top_gchw, *memories, *pointers]
        )
        return Masks(*masks), top

    def remember(self, top_1chw: Tensor, logits_b1hw: Tensor, object_logit_b: Tensor, prompted_b: Tensor) -> Tensor:
        (memories,) = run(self._remember, [top_1chw, logits_b1hw, object_logit_b, prompted_b])
        return memories

    def _compile(self, folder: Path, make: Callable[[Any], Step]) -> openvino.CompiledModel:
        name = str(getattr(make, "__name__", make)).lower()
        file = folder / f"{name}.xml"
        if file.exists():
            try:
                return self._core.compile_model(self._core.read_model(file), "CPU", self._options)
            except RuntimeError as error:
                log.warning("%s: cannot be read, converted again (%s)", file, str(error).splitlines()[0])
        started = time.monotonic()
        model = convert(make(self._checkpoint.model), self._checkpoint)
        log.info("%s converted for OpenVINO in %.1f s", name, time.monotonic() - started)
        keep(model, file)
        return self._core.compile_model(model, "CPU", self._options)


def lengthened(part_bn: Tensor, usual: int) -> Tensor:
    """Padded with zeros along its second axis, not valid, so that few lengths are met: each costs memory for ever.

    The usual length is that of an object prompted once; with more prompts it is 1, 3, 7, ... longer.
    """
    more = max(part_bn.shape[1] - usual, 0)
    missing = usual + (1 << more.bit_length()) - 1 - part_bn.shape[1]
    if not missing:
        return part_bn
    return torch.cat((part_bn, part_bn.new_zeros(part_bn.shape[0], missing, *part_bn.shape[2:])), dim=1)


def run(compiled: openvino.CompiledModel, tensors: Sequence[Tensor]) -> list[Tensor]:
    """One call; the answers are copies that the next call leaves alone."""
    inputs = [tensor.contiguous().numpy() for tensor in tensors]
    return [torch.from_numpy(value) for value in compiled(inputs, share_inputs=True).to_tuple()]


def convert(step: Step, checkpoint: Checkpoint) -> openvino.Model:
    """A step of the frame as an OpenVINO model with named inputs and outputs, in float32."""
    example, dynamic = examples(step, checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter, about itself
        exported = torch.export.export(step.eval(), example, dynamic_shapes=dynamic)
        model = openvino.convert_model(exported)
    for port, name in zip((*model.inputs, *model.outputs), (*step.inputs, *step.outputs), strict=True):
        port.get_tensor().set_names({name})
    return model


def examples(step: Step, checkpoint: Checkpoint) -> tuple[tuple[Tensor, ...], tuple[dict[int, Any], ...]]:
    """Inputs of a step, of the right shapes, and which of their axes may vary."""
    model, size = checkpoint.model, checkpoint.size
    objects, memories, pointers = 3, 7, 16
    b, m, p = Dim("b", min=1, max=MAX_OBJECTS), Dim("m", min=1, max=MAX_MEMORIES), Dim("p", min=1, max=MAX_POINTERS)
    hidden: int = model.hidden_dim
    top = torch.zeros(1, hidden, size // 16, size // 16)
    if isinstance(step, Encode):
        return (torch.zeros(1, 3, size, size),), ({},)
    if isinstance(step, Remember):
        wide = torch.zeros(objects, 1, size, size)
        flags = torch.zeros(objects, dtype=torch.bool)
        return (top, wide, torch.zeros(objects), flags), ({}, {0: b}, {0: b}, {0: b})
    skips = torch.zeros(1, hidden // 8, size // 4, size // 4), torch.zeros(1, hidden // 4, size // 8, size // 8)
    tokens, channels = memory_position(model).shape
    ages = torch.zeros(objects, memories, dtype=torch.long), torch.zeros(objects, pointers)
    bank = (
        torch.zeros(objects, memories, tokens, channels),
        ages[0],
        torch.ones(objects, memories, dtype=torch.bool),
        torch.zeros(objects, pointers, hidden),
        ages[1],
        torch.ones(objects, pointers, dtype=torch.bool),
    )
    return (*skips, top, *bank), ({}, {}, {}, *({0: b, 1: m},) * 3, *({0: b, 1: p},) * 3)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/streamer/openvino`, or under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamer" / "openvino"


def fingerprint(model: Any) -> str:
    """What the graphs depend on: weights, config, and the versions that convert them."""
    digest = hashlib.sha256(
        json.dumps([FORMAT, torch.__version__, openvino.__version__, model.config.to_dict()], default=str).encode()
    )
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def keep(model: openvino.Model, file: Path) -> None:
    """Write a converted graph where the next start finds it, whole or not at all."""
    part = file.with_name(f"{os.getpid()}-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        openvino.save_model(model, part, compress_to_fp16=False)
        part.with_suffix(".bin").replace(file.with_suffix(".bin"))
        part.replace(file)
    except (OSError, RuntimeError) as error:
        log.warning("%s: cannot be kept, so the next start converts again (%s)", file, error)
