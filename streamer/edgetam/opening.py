"""A model and a runtime to a ready engine: from graphs where they are there, else from a checkpoint, with torch."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import logging
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamer.config.runtimes import TORCH_PACKAGES
from streamer.edgetam.model_info import ModelInfo
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.runtimes.cache import FORMAT, cache_folder
from streamer.edgetam.runtimes.graph import GRAPHS
from streamer.edgetam.runtimes.port import Runtime
from streamer.edgetam.runtimes.sources import GraphFolder
from streamer.errors import ModelError, UsageError
from streamer.process.files import write_atomically

log = logging.getLogger(__name__)
NANO = Path(__file__).parent / "nano"
NANO_GRAPHS = NANO / "openvino"  # scripts/nano_graphs.py writes them
SETTINGS = "settings.json"
NOT_FOR_GRAPHS = ("automatic_masks",)  # keys of config.json
CHECKPOINT_FILES = ("config.json", "model.safetensors", "processor_config.json", "preprocessor_config.json")


@dataclass(frozen=True, slots=True)
class ReadyGraphs:
    """Graphs that need no conversion."""

    info: ModelInfo
    folder: Path
    suffix: str


def open_runtime(model: str, size: int | None, device: str, runtime: str) -> Runtime:
    """Raises ModelError where the model cannot be loaded, UsageError for an unknown setting."""
    kind = device_kind(device)
    if (export := exported(model)) is not None:
        return _open_export(export, model, size, kind, runtime)
    chosen = runtimes.choose(runtime, kind)
    if (ready := _ready(model, size, chosen)) is not None:
        return _start(ready, chosen)
    return _load(model, size, device, chosen)


def open_unconverted(model: str, size: int | None, device: str) -> Runtime:
    """A runtime that converts nothing: graphs that are there, else eager torch. Raises as `open_runtime`."""
    kind = device_kind(device)
    if (export := exported(model)) is not None:
        return _open_export(export, model, size, kind, "auto")
    if kind == "cpu" and find_spec("openvino") is not None and (ready := _ready(model, size, "openvino")) is not None:
        return _start(ready, "openvino")
    return _load(model, size, device, "torch")


def device_kind(device: str) -> str:
    """cuda, mps or cpu; torch is asked only where a processor of graphics may be there. Raises UsageError."""
    if device == "cpu" or (device == "auto" and not (_has_torch() and has_graphics())):
        return "cpu"
    if not _has_torch():
        raise UsageError(f"device {device} needs torch; install it with: pip install 'streamer[torch]', or use cpu")
    from streamer.edgetam.weights import choose_device

    return choose_device(device).type


def has_graphics() -> bool:
    """Whether torch may find a device beside the CPU: to ask torch itself takes two seconds."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    try:
        ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _has_torch() -> bool:
    return all(find_spec(package) is not None for package in TORCH_PACKAGES)


def exported(model: str) -> ReadyGraphs | None:
    """What `streamer export` wrote to the folder of that name; raises ModelError where another version did."""
    folder = Path(model)
    if not (folder / SETTINGS).is_file():
        return None
    return _read(folder, model)


def _read(folder: Path, model: str) -> ReadyGraphs:
    try:
        described: dict[str, Any] = json.loads((folder / SETTINGS).read_text())
        written, info = described.get("format"), None
        if written == FORMAT:
            info = ModelInfo.from_json(described).named(model)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model {model}: {SETTINGS} cannot be read ({error!r}); export it again") from error
    if info is None:
        raise ModelError(
            f"model {model}: its graphs have format {written}, and this version reads {FORMAT}; "
            "export it again with streamer export"
        )
    suffixes = [suffix for suffix in (".xml", ".onnx") if (folder / f"image_encoder{suffix}").exists()]
    if not suffixes:
        raise ModelError(f"model {model}: holds no graphs for OpenVINO or ONNX Runtime; export it with one of these")
    return ReadyGraphs(info, folder, suffixes[0])


def _open_export(ready: ReadyGraphs, model: str, size: int | None, kind: str, runtime: str) -> Runtime:
    if size not in (None, ready.info.size):
        raise UsageError(f"model {model}: was exported for size {ready.info.size}, not {size}; leave size out")
    own = "openvino" if ready.suffix == ".xml" else "onnx"
    name = own if runtime == "auto" else runtime
    if runtimes.SUFFIXES.get(name) != ready.suffix or name == "openvino-int8":
        raise UsageError(f"model {model}: was exported for runtime {own}; leave runtime {runtime} out")
    return _start(ready, runtimes.choose(name, kind))


def _ready(model: str, size: int | None, chosen: str) -> ReadyGraphs | None:
    """Graphs of a checkpoint that came with the package or that an earlier start converted."""
    folder = NANO if model == "nano" else Path(model)
    if chosen not in runtimes.SUFFIXES or not (folder / "model.safetensors").is_file():
        return None
    files = fingerprint_of_files(folder)
    ready = packaged(files) if model == "nano" and chosen == "openvino" else None
    if ready is not None and size in (None, ready.info.size):
        return ready
    return _converted_before(model, files, size, chosen)


def packaged(files: str) -> ReadyGraphs | None:
    """The graphs of `nano` in this package, if they are of these weights."""
    settings = NANO_GRAPHS / SETTINGS
    if not settings.is_file() or json.loads(settings.read_text()).get("files") != files:
        return None
    return _read(NANO_GRAPHS, "nano")


def _converted_before(model: str, files: str, size: int | None, chosen: str) -> ReadyGraphs | None:
    try:
        info = ModelInfo.from_json(json.loads(_note(files, size).read_text())).named(model)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    cache = runtimes.graph_cache(chosen, info.weights)
    suffix = runtimes.SUFFIXES[chosen]
    whole = all(cache.get(f"{graph}{suffix}") is not None for graph in GRAPHS)
    return ReadyGraphs(info, cache.folder, suffix) if whole else None


def _start(ready: ReadyGraphs, chosen: str) -> Runtime:
    compiled = runtimes.graph_cache(chosen, ready.info.weights).folder / "compiled"
    return runtimes.open_graphs(chosen, ready.info, GraphFolder(ready.folder, ready.suffix), compiled)


def _load(model: str, size: int | None, device: str, chosen: str) -> Runtime:
    """With torch: load a checkpoint, convert it where the runtime wants graphs, and note it for the next start."""
    if not _has_torch() or (chosen in ("onnx", "tensorrt") and find_spec("onnxscript") is None):
        extra = "torch" if not _has_torch() else "onnx"
        raise ModelError(
            f"model {model}: is no folder of graphs, and a checkpoint needs torch to be converted; "
            f"install it with: pip install 'streamer[{extra}]'"
        )
    from streamer.edgetam import torch_threads
    from streamer.edgetam.weights import load

    with torch_threads.deferred(alone=chosen == "torch"):  # the thread that opens it is rarely the one that runs it
        runtime = runtimes.start(chosen, load(model, size=size, device=device))
    folder = NANO if model == "nano" else Path(model)
    if chosen in runtimes.SUFFIXES and (folder / "model.safetensors").is_file():
        note = json.dumps(runtime.info.to_json()).encode()
        try:
            write_atomically(_note(fingerprint_of_files(folder), size), note)
        except OSError as error:
            log.warning("the cache cannot be written, so the next start loads torch again (%s)", error)
    return runtime


def _note(files: str, size: int | None) -> Path:
    """Where the numbers of a checkpoint that was converted are written."""
    return cache_folder() / "models" / f"{files}-{size or 'own'}.json"


def fingerprint_of_files(folder: Path) -> str:
    """Of a checkpoint's files, but for what its config says to others than the graphs."""
    digest = hashlib.sha256(str(FORMAT).encode())
    for name in CHECKPOINT_FILES:
        if (file := folder / name).is_file():
            digest.update(name.encode())
            digest.update(_relevant(file) if name == "config.json" else _digest(file))
    return digest.hexdigest()[:24]


def _relevant(config: Path) -> bytes:
    with contextlib.suppress(ValueError, AttributeError):  # a broken one is hashed as it is, and refused later
        said = json.loads(config.read_text()).items()
        return json.dumps([(key, value) for key, value in said if key not in NOT_FOR_GRAPHS]).encode()
    return config.read_bytes()


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
