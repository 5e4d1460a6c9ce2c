"""A checkpoint's graphs as files for programs without torch, with a README and an example that tracks with them."""

from __future__ import annotations

import inspect
import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from streamer.edgetam.model_info import info_of
from streamer.edgetam.runtimes.cache import FORMAT, fingerprint
from streamer.edgetam.steps import GRAPHS, Step, examples
from streamer.edgetam.weights import Checkpoint, load
from streamer.errors import StreamerError, UsageError

EXAMPLE = Path(__file__).parent / "example_without_torch.py"
NEEDS = {"onnx": ("onnxscript",), "openvino": ("openvino",), "coreml": ("coremltools",)}


def export(
    model: str, kind: str, size: int | None, out: Path, progress: Callable[[], object] = lambda: None
) -> list[Path]:
    """Write the graphs of `model` to the folder `out` as `onnx`, `openvino` or `coreml`; returns the files.

    `progress` is called after each graph.

    Raises UsageError for an unknown kind or a converter that is not installed, StreamerError naming the graph that
    cannot be converted, and ModelError where the model cannot be loaded.
    """
    writers: Mapping[str, Callable[[Step, Checkpoint, Path], Path]] = {
        "onnx": _onnx,
        "openvino": _openvino,
        "coreml": _coreml,
    }
    if kind not in writers:
        raise UsageError(f"--format {kind}: known are {', '.join(writers)}")
    if missing := [package for package in NEEDS[kind] if find_spec(package) is None]:
        raise UsageError(f"--format {kind} needs {missing[0]}; install it with: pip install 'streamer[{kind}]'")
    checkpoint = load(model, size=size, device="cpu")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name, make in GRAPHS.items():
        try:
            files.append(writers[kind](make(checkpoint.model).eval(), checkpoint, out / name))
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise StreamerError(f"--format {kind}: the graph {name} cannot be converted: {reason[0]}") from error
        progress()
    (out / "settings.json").write_text(json.dumps(settings(checkpoint), indent=2) + "\n")
    (out / "README.md").write_text(readme(checkpoint, kind, files))
    if kind != "coreml":
        shutil.copyfile(EXAMPLE, out / "track.py")
    return files


def settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a program needs to know beside the graphs."""
    return {"format": FORMAT, **info_of(checkpoint, fingerprint(checkpoint.model)).to_json()}


def readme(checkpoint: Checkpoint, kind: str, files: list[Path]) -> str:
    """What each file takes and gives."""
    objects = 1 if kind == "coreml" else None
    lines = [
        f"# {checkpoint.name} at {checkpoint.size} x {checkpoint.size}, as {kind}",
        "",
        f"Written by `streamer export` {metadata.version('streamer')}. Letters are axes of any length: b objects, "
        "m memories and p pointers of each, n points. `settings.json` has the numbers around the graphs."
        if objects is None
        else f"Written by `streamer export` {metadata.version('streamer')}, for one object and two points (a box).",
        "",
    ]
    for file, make in zip(files, GRAPHS.values(), strict=True):
        step = make(checkpoint.model)
        tensors, varying = examples(step, checkpoint, objects=objects or 3)
        lines += [
            f"## {file.name}",
            "",
            inspect.getdoc(step) or "",
            "",
            "| input | shape | type |",
            "| --- | --- | --- |",
        ]
        for name, tensor, axes in zip(step.inputs, tensors, varying, strict=True):
            shape = [
                str(axes[axis].__name__) if axis in axes and objects is None else str(length)
                for axis, length in enumerate(tensor.shape)
            ]
            lines.append(f"| `{name}` | {' x '.join(shape)} | {str(tensor.dtype).removeprefix('torch.')} |")
        lines += ["", "Outputs: " + ", ".join(f"`{name}`" for name in step.outputs) + ".", ""]
    if kind != "coreml":
        lines += ["`python track.py VIDEO X0 Y0 X1 Y1 OUT.mp4` tracks what is in that box, without torch.", ""]
    return "\n".join(lines)


def _onnx(step: Step, checkpoint: Checkpoint, path: Path) -> Path:
    from streamer.edgetam.runtimes.conversion import to_onnx

    file = path.with_suffix(".onnx")
    file.write_bytes(to_onnx(step, checkpoint))
    return file


def _openvino(step: Step, checkpoint: Checkpoint, path: Path) -> Path:
    from streamer.edgetam.runtimes.conversion import save, to_openvino

    file = path.with_suffix(".xml")
    save(to_openvino(step, checkpoint), file)
    return file


def _coreml(step: Step, checkpoint: Checkpoint, path: Path) -> Path:
    """Fixed shapes for one object, whose validity masks say how much of its memory is filled."""
    import coremltools

    example, _ = examples(step, checkpoint, objects=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # it knows no `where` with a number in it
        program = torch.export.export(step, example).run_decompositions(
            {torch.ops.aten.where.ScalarOther: lambda there, x, other: torch.where(there, x, torch.full_like(x, other))}
        )
        model = coremltools.convert(program, convert_to="mlprogram", minimum_deployment_target=coremltools.target.iOS17)
    file = path.with_suffix(".mlpackage")
    model.save(str(file))
    return file
