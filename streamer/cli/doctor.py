"""`streamer doctor`: what works on this machine."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from streamer.config.runtimes import TORCH_PACKAGES
from streamer.errors import StreamerError

PACKAGES = (
    *TORCH_PACKAGES,
    "av",
    "opencv-python-headless",
    "numpy",
    "pyzmq",
    "msgpack",
    "pydantic",
    "pycocotools",
)


def doctor(args: argparse.Namespace) -> int:
    """Print a line for each check; returns 1 where the embedded model does not load."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        "packages": _packages,
        "cpu": lambda: f"{os.cpu_count()} cores, {platform.machine()}",
        "device": _device,
        "runtime": _runtime,
        "model nano": _nano,
        "model yonigozlan/EdgeTAM-hf": _hub,
        "cameras": _cameras,
        "video sources": _decoding,
        "video sinks": _encoding,
        "bus": _bus,
    }
    found: dict[str, dict[str, str | bool]] = {}
    for name, check in checks.items():
        try:
            found[name] = {"works": True, "says": check()}
        except (StreamerError, OSError, ImportError) as error:
            found[name] = {"works": False, "says": str(error)}
        if not args.json:
            print(f"{'ok ' if found[name]['works'] else 'NO '} {name}: {found[name]['says']}", flush=True)
    if args.json:
        print(json.dumps(found))
    return 0 if found["model nano"]["works"] else 1


def _packages() -> str:
    versions = {
        name: importlib.metadata.version(name) for name in PACKAGES if name not in TORCH_PACKAGES or find_spec(name)
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _device() -> str:
    from streamer.edgetam.opening import device_kind

    device = device_kind("auto")
    return f"{device} (bfloat16 autocast)" if device == "cuda" else f"{device} (float32)"


def _runtime() -> str:
    from streamer.edgetam.opening import device_kind
    from streamer.edgetam.runtimes.choose import choose

    chosen = choose("auto", device_kind("auto"))
    if chosen == "torch":
        return "torch; on a CPU openvino is quicker: pip install 'streamer[openvino]'"
    return f"{chosen} {importlib.metadata.version(chosen)}"


def _nano() -> str:
    from streamer.edgetam import open_tracker
    from streamer.types import Frame, Prompt
    from streamer.video.scene import Scene, SceneSettings

    tracker = open_tracker("nano")
    image, truth = Scene(SceneSettings(objects=1)).draw(0)
    ys, xs = truth[1].nonzero()
    prompt = Prompt(1, points=((float(xs.mean()), float(ys.mean())),), labels=(1,))
    track = tracker.track(Frame.from_image(image, index=0), [prompt])[0]
    return f"loads and answers a click: object {track.state}, predicted IoU {track.predicted_iou:.2f}"


def _hub() -> str:
    from huggingface_hub import try_to_load_from_cache

    from streamer.edgetam.weights import HUB_DEFAULT

    cached = try_to_load_from_cache(HUB_DEFAULT, "config.json")
    if not isinstance(cached, str):
        raise StreamerError(
            f"not on this machine yet; --model {HUB_DEFAULT} fetches it, or `hf download {HUB_DEFAULT}` does"
        )
    return f"in the cache: {Path(cached).parent}"


def _cameras() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*")) if Path("/dev").is_dir() else []
    if not found:
        raise StreamerError("none is connected to this machine; files, streams and scene: work without")
    return ", ".join(found)


def _decoding() -> str:
    import av

    formats = [name for name in ("rtsp", "rtmp", "hls", "mjpeg", "mov", "lavfi") if _has_format(name)]
    return f"FFmpeg {'.'.join(map(str, av.library_versions['libavformat']))} reads {', '.join(formats)}"


def _has_format(name: str) -> bool:
    import av

    return any(name in known.split(",") for known in av.formats_available) or name == "rtmp"


def _encoding() -> str:
    from fractions import Fraction

    import av
    import av.error

    try:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
        encoder.time_base = Fraction(1, 30)
        encoder.open()
    except (av.error.FFmpegError, ValueError) as error:
        raise StreamerError(f"H.264 cannot be encoded: {error}") from error
    return "H.264 (libx264): files, RTSP, RTMP and UDP pushes"


def _bus() -> str:
    from streamer.bus.publisher import Publisher

    publisher = Publisher("tcp://127.0.0.1:*")
    publisher.close()
    return "ZeroMQ binds on 127.0.0.1"
