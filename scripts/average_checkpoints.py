#!/usr/bin/env python
"""Average the weights of checkpoints of one training line: `scripts/average_checkpoints.py OUT A=0.34 B=0.33 C=0.33`.

Checkpoints that were trained on from each other lie in one basin, so the mean of their weights keeps what each has
learnt ("model soups", arXiv 2203.05482). OUT gets the first one's config and processor.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


def share(text: str) -> tuple[Path, float]:
    """`FOLDER=0.34` as a folder and its share; raises ArgumentTypeError."""
    folder, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write FOLDER=SHARE, for example runs/nano=0.5") from None
    if not (Path(folder) / WEIGHTS).exists():
        raise argparse.ArgumentTypeError(f"{folder or text!r}: holds no {WEIGHTS}")
    return Path(folder), value


def average(parts: list[tuple[Path, float]]) -> dict[str, torch.Tensor]:
    """The weighted mean in float32, as half precision; raises ValueError where the checkpoints differ in shape."""
    states = [(load_file(folder / WEIGHTS), value) for folder, value in parts]
    first = states[0][0]
    for (state, _), (folder, _) in zip(states, parts, strict=True):
        if {name: tensor.shape for name, tensor in state.items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{folder}: its tensors are not those of {parts[0][0]}; average one architecture")
    mean = {}
    for name, tensor in first.items():
        if not tensor.is_floating_point():
            mean[name] = tensor
            continue
        mean[name] = sum((state[name].float() * value for state, value in states), torch.zeros(tensor.shape)).half()
    return mean


def write_average(out: Path, parts: list[tuple[Path, float]]) -> None:
    """The mean as a checkpoint, with the first one's config and processor."""
    if not out.exists():
        shutil.copytree(parts[0][0], out)
    save_file(average(parts), out / WEIGHTS, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", type=share, nargs="+", metavar="FOLDER=SHARE")
    given = parser.parse_args()
    total = sum(value for _, value in given.parts)
    if abs(total - 1) > 1e-6:
        parser.error(f"the shares add up to {total:g}; make them add up to 1")
    write_average(given.out, given.parts)


if __name__ == "__main__":
    main()
