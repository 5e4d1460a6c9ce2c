"""The command line. Only this package knows every concrete class."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

import streamer
from streamer.cli import logs
from streamer.config import runtimes
from streamer.errors import StreamerError
from streamer.process import memory
from streamer.uris import redact

INTERRUPTED = 130
RUNTIMES = ", ".join(runtimes.RUNTIMES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1 (it failed while running) or 2 (it was asked for wrongly)."""
    args = parser().parse_args(argv)
    memory.limit_malloc_arenas()
    logs.begin(args.log, debug=args.debug)
    try:
        status: int = args.command(args)
    except StreamerError as error:
        if args.debug:
            print(redact(traceback.format_exc()), file=sys.stderr, end="")
        print(f"streamer: {redact(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader of our output has had enough
    return status


def parser() -> argparse.ArgumentParser:
    """All commands; what one needs is imported when it runs."""
    top = argparse.ArgumentParser(prog="streamer", description=streamer.__doc__)
    top.add_argument("--version", action="version", version=f"streamer {streamer.__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _run(commands)
    _serve(commands)
    _demo(commands)
    _subscribe(commands)
    _talk(commands)
    _keys(commands)
    _bench(commands)
    _segment(commands)
    _track(commands)
    _export(commands)
    _evaluate(commands)
    _soak(commands)
    add(commands, "doctor", _later("doctor"), "what works on this machine: versions, device, models, sources, sinks")
    return top


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    below = commands.add_parser(name, help=summary, description=summary)
    below.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    below.add_argument("--json", action="store_true", help="print one JSON object on stdout at the end")
    below.add_argument("--log", choices=("text", "json"), default="text", help="what is said on stderr (text)")
    below.set_defaults(command=command)
    return below


def _run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "run", _later("run"), "track objects of one source and send their masks to sinks")
    below.add_argument("config", nargs="?", help="a YAML file; see configs/")
    below.add_argument("--source", metavar="URI", help="FILE, FOLDER, camera:0, rtsp://..., scene:?objects=2")
    below.add_argument(
        "--reconnect", choices=("never", "after_start", "always"), help="when a camera or stream fails (after_start)"
    )
    below.add_argument("--model", metavar="M", help="nano, a Hub id, a folder, or still (no model)")
    below.add_argument("--size", type=int, metavar="N", help="side of the model's square input")
    below.add_argument("--device", help="auto, cpu, cuda, mps")
    below.add_argument("--runtime", help=RUNTIMES)
    _tracking_options(below)
    _prompt_options(below)
    below.add_argument(
        "--sink", action="append", default=[], metavar="URI", help="FILE.mp4, zmq:tcp://127.0.0.1:5555, ..."
    )
    below.add_argument(
        "--find", "--detect", metavar="HOW", help="track what is found: automatic, motion, or a detector's id or folder"
    )
    below.add_argument("--labels", metavar="A,B", help="--find: only these; a zero-shot detector needs them")
    below.add_argument("--every", type=float, metavar="S", help="--find: seconds between looks (2)")
    below.add_argument("--control", metavar="ENDPOINT", help="take commands here, such as tcp://127.0.0.1:5556")
    below.add_argument("--keys", metavar="NAME.secret", help="this side's secret key, for connections from elsewhere")
    below.add_argument("--clients", metavar="FOLDER", help="with the .key files of those who may connect")
    below.add_argument("--state", metavar="FILE", help="write objects there, and go on with those that are in it")
    below.add_argument("--seconds", type=float, metavar="S", help="end after so long")
    below.add_argument("--frames", type=int, metavar="N", help="end after so many tracked frames")


def _serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "serve", _later("serve"), "many cameras, with a page to point at objects, and an HTTP API")
    below.add_argument("config", nargs="?", help="a YAML file; see configs/serve.yaml")
    below.add_argument("--source", action="append", default=[], metavar="URI", help="a camera; several times for more")
    below.add_argument("--model", metavar="M", help="nano, a Hub id, a folder, or still (no model)")
    below.add_argument("--host", metavar="ADDRESS", help="where to listen (127.0.0.1)")
    below.add_argument("--port", type=int, metavar="N", help="(8080)")
    below.add_argument("--token", metavar="FILE", help="from `streamer access token FILE`")
    below = add(commands, "access", _later("serve", "access"), "make passes for the page and the HTTP API")
    below.add_argument("what", choices=("token", "user"))
    below.add_argument("file", metavar="FILE")
    below.add_argument(
        "name", nargs="?", metavar="NAME", help="user: whose password is read, from the terminal or a line"
    )


def _tracking_options(below: argparse.ArgumentParser) -> None:
    below.add_argument("--exact", action="store_true", help="track as transformers' documented loop does")
    below.add_argument(
        "--tracking", action="append", default=[], metavar="KEY=VALUE", help="a setting, like zoom=3 or extensions=true"
    )


def _prompt_options(below: argparse.ArgumentParser) -> None:
    below.add_argument("--box", action="append", default=[], metavar="ID:x0,y0,x1,y1", help="for scene: also ID:truth")
    below.add_argument(
        "--point", action="append", default=[], metavar="ID:x,y[,0|1]", help="1: on the object (default)"
    )
    below.add_argument("--mask", action="append", default=[], metavar="ID:FILE.png", help="what is not black")


def _demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "demo", _later("demo"), "track a synthetic live scene and show everything working together")
    below.add_argument("--seconds", type=float, default=15.0, metavar="S")
    below.add_argument("--out", default="out/demo.mp4", metavar="FILE.mp4")


def _subscribe(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "subscribe", _later("talk", "subscribe"), "print what a publisher sends")
    below.add_argument("endpoint", metavar="ENDPOINT")
    _key_options(below)
    below.add_argument("--source", help="only this source; the first one heard if unset")
    below.add_argument("--count", type=int, metavar="N", help="end after so many messages")
    below.add_argument("--max-age-ms", type=float, metavar="M", help="refuse messages older than this")
    below.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="end when nothing fresh comes for so long"
    )


def _talk(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    prompt = add(commands, "prompt", _later("talk", "prompt"), "add or refine objects of a running pipeline")
    prompt.add_argument("endpoint", metavar="ENDPOINT")
    _key_options(prompt)
    _prompt_options(prompt)
    prompt.add_argument("--replace", action="store_true", help="start the object anew instead of refining it")
    for name, summary in (
        ("remove", "stop tracking objects of a running pipeline"),
        ("undo", "take the last prompt of objects back"),
    ):
        below = add(commands, name, _later("talk", name), summary)
        below.add_argument("endpoint", metavar="ENDPOINT")
        _key_options(below)
        below.add_argument("ids", type=int, nargs="+", metavar="ID")
    for name, summary in (
        ("reset", "stop tracking all objects"),
        ("pause", "let frames pass untracked"),
        ("resume", "track again"),
        ("find", "look for new objects now, in a run with --find"),
        ("status", "what a running pipeline says of itself"),
    ):
        below = add(commands, name, _later("talk", "verb"), summary)
        below.add_argument("endpoint", metavar="ENDPOINT")
        _key_options(below)
        below.set_defaults(verb=name)


def _key_options(below: argparse.ArgumentParser) -> None:
    below.add_argument("--keys", metavar="NAME.secret", help="this side's secret key, where the other wants keys")
    below.add_argument("--server-key", metavar="NAME.key", help="the public key of the other side")


def _keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "keys", _later("talk", "keys"), "make keys for connections between machines")
    below.add_argument("what", choices=("new",))
    below.add_argument("name", metavar="NAME", help="NAME.key is for the other side, NAME.secret stays here")


def _bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "measure: the engine beside transformers' loop, the live path, stills and recordings"
    below = add(commands, "bench", _later("bench"), summary)
    below.add_argument(
        "what",
        choices=("engine", "pipeline", "memory", "crowd", "age", "image", "video", "cameras", "readers", "encoding"),
    )
    below.add_argument("--count", type=int, metavar="N", help="cameras (4), or readers (20)")
    below.add_argument("--fps", type=float, metavar="F", help="of each camera: 10 for cameras, 15 for readers")
    below.add_argument("--max-fps", type=float, metavar="F", help="cameras: pictures a second tracked of each at most")
    below.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="cameras, readers: of each measurement (10)"
    )
    below.add_argument("--model", default="nano", metavar="M")
    below.add_argument("--frames", type=int, metavar="N")
    below.add_argument("--objects", metavar="N[,N...]", help="several numbers for engine")
    below.add_argument("--size", metavar="N|WxH", help="engine: side of the model's square; pipeline: of the picture")
    below.add_argument("--runtime", default="auto", help=f"engine, memory: {RUNTIMES}")
    against = "engine: transformers' loop (default), or the original EdgeTAM code on one object at 1024"
    below.add_argument("--against", choices=("transformers", "original"), default="transformers", help=against)
    below.add_argument("--exact", action="store_true", help="pipeline: without windows, as transformers' loop")
    below.add_argument("--no-reference", action="store_true", help="engine: leave transformers' loop out")


def _segment(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(
        commands, "segment", _later("segment"), "masks on still images: from prompts, a detector, or of everything"
    )
    below.add_argument("images", nargs="+", metavar="IMAGE", help="files, or folders of them")
    _prompt_options(below)
    below.add_argument("--prompts", metavar="FILE.json", help='prompts by image: {"cat.jpg": [{"object_id": 1, ...}]}')
    _detector_options(below)
    below.add_argument("--auto", action="store_true", help="everything, from a grid of points")
    below.add_argument("--interactive", action="store_true", help="click by click, in a window or typed; with undo")
    below.add_argument("--candidates", action="store_true", help="list three answers for each prompt")
    below.add_argument("--out", default="out/segment", metavar="DIR")
    below.add_argument("--format", default="png,coco", metavar="F[,F]", help="png, coco, jsonl (png,coco)")
    below.add_argument("--points-per-side", type=int, default=32, metavar="N", help="--auto: of the grid (32)")
    below.add_argument("--min-iou", type=float, default=0.88, metavar="X", help="--auto: predicted IoU (0.88)")
    below.add_argument("--min-stability", type=float, default=0.95, metavar="X", help="--auto: stability score (0.95)")
    below.add_argument("--crops", type=int, default=0, metavar="N", help="--auto: layers of overlapping crops (0)")
    below.add_argument(
        "--min-area", type=int, default=0, metavar="PX", help="--auto: drop smaller masks and specks (0)"
    )
    below.add_argument("--model", default="nano", metavar="M", help="nano, a Hub id, a folder")
    below.add_argument("--size", type=int, metavar="N", help="side of the model's square input")
    below.add_argument(
        "--memory-mb", type=float, default=2048.0, metavar="MB", help="what is computed at a time (2048)"
    )


def _track(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "track", _later("track"), "track objects through a recording, forwards and backwards")
    below.add_argument("video", metavar="VIDEO", help="a file, or a folder of pictures")
    below.add_argument(
        "--prompts", required=True, metavar="FILE.json", help='by frame: {"0": [{"object_id": 1, "box": [...]}]}'
    )
    below.add_argument("--out", required=True, metavar="DIR", help="run again with the same one to correct or go on")
    below.add_argument("--format", default="png,jsonl,mp4", metavar="F[,F]", help="png, jsonl, mp4 (all)")
    below.add_argument("--model", default="nano", metavar="M", help="nano, a Hub id, a folder")
    below.add_argument("--size", type=int, metavar="N", help="side of the model's square input")
    below.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")
    below.add_argument("--runtime", default="auto", help=RUNTIMES)
    _tracking_options(below)


def _detector_options(below: argparse.ArgumentParser) -> None:
    below.add_argument("--detect", metavar="MODEL", help="prompt with a detector's boxes: a Hub id or a folder")
    below.add_argument("--labels", metavar="A,B", help="--detect: only these; a zero-shot detector needs them")
    below.add_argument("--threshold", type=float, default=0.3, metavar="X", help="--detect: score (0.3)")


def _export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "export", _later("export"), "write the model's graphs as files for programs without torch")
    below.add_argument("out", metavar="OUT/", help="a folder; graphs, README.md, settings.json and an example go there")
    below.add_argument("--model", default="nano", metavar="M", help="nano, a Hub id, a folder")
    below.add_argument("--format", default="onnx", metavar="F", help="onnx (default), openvino, coreml")
    below.add_argument("--size", type=int, metavar="N", help="side of the model's square input")


def _evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    below = add(commands, "evaluate", _later("evaluate"), "score a model on a data set in DAVIS layout: J, F and J&F")
    below.add_argument("root", metavar="ROOT", help="with JPEGImages/480p, Annotations/480p and perhaps Void/480p")
    below.add_argument(
        "--prompt", choices=("mask", "box", "point"), default="mask", help="from an object's first frame"
    )
    below.add_argument("--sequences", metavar="A,B", help="only these clips")
    below.add_argument("--live", type=float, metavar="FPS", help="score what is on the screen as the clip plays")
    below.add_argument(
        "--step-ms", type=float, metavar="X", help="with --live: the tracker's time, instead of measuring"
    )
    below.add_argument("--pictures", metavar="FOLDER", help="draw each clip's worst frame there")
    below.add_argument("--model", default="nano", metavar="M", help="nano, a Hub id, a folder")
    below.add_argument("--size", type=int, metavar="N", help="side of the model's square input")
    below.add_argument("--runtime", default="auto", help=RUNTIMES)
    _tracking_options(below)


def _soak(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    summary = "break cameras, servers and wires at random while two pipelines run, and say what grew"
    below = add(commands, "soak", _later("soak"), summary)
    below.add_argument("--minutes", type=float, default=5.0, metavar="M", help="(5)")
    below.add_argument("--every", type=float, default=10.0, metavar="S", help="seconds between faults (10)")
    below.add_argument("--seed", type=int, default=0, metavar="N", help="which faults, and when (0)")


def _later(module: str, name: str | None = None) -> Callable[[argparse.Namespace], int]:
    """A command whose module is imported when it runs."""

    def command(args: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"streamer.cli.{module}"), name or module)(args)
        return status

    return command
