"""Every command with its options. A command's module is imported when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

import streamer
from streamer.cli import bench_options, recorded_options
from streamer.cli.arguments import FPS, MILLISECONDS, SECONDS, Parser, count, number
from streamer.cli.options import Commands, setting
from streamer.config.settings import ServeSettings
from streamer.types import MAX_OBJECT_ID

KEY_FILE = "NAME.secret"
CONFIG = "a YAML file, or the name of a shipped one (`streamer configs` lists them)"


def parser() -> argparse.ArgumentParser:
    """All commands."""
    top = Parser(prog="streamer", description=streamer.__doc__)
    top.add_argument("--version", action="version", version=f"streamer {streamer.__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for declare in (_run, _serve, _demo, _subscribe, _send, _keys, _bench, _segment, _track, _export, _evaluate, _soak):
        declare(commands)
    _convert(commands)
    _replay(commands)
    _counts(commands)
    _configs(commands)
    add(commands, "doctor", _later("doctor"), "what works on this machine: versions, device, models, sources, sinks")
    return top


def add(
    commands: Commands, name: str, command: Callable[[argparse.Namespace], int], summary: str
) -> argparse.ArgumentParser:
    """A command with the options that all commands have."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout at the end")
    parser.add_argument("--log", choices=("text", "json"), default="text", help="format of the log on stderr")
    parser.set_defaults(command=command)
    return parser


def _run(commands: Commands) -> None:
    parser = add(commands, "run", _later("run"), "track objects of one source and send their masks to sinks")
    parser.add_argument("config", nargs="?", help=CONFIG)
    setting(parser, "--source", key="source.uri", metavar="URI")
    setting(parser, "--reconnect", key="source.reconnect")
    setting(parser, "--depth", key="source.depth.uri", metavar="URI")
    setting(parser, "--camera-info", key="source.depth.camera_info", metavar="FILE.yaml")
    _model_options(parser, "size", "device", "runtime")
    _tracking_options(parser)
    _motion_option(parser)
    _prompt_options(parser)
    setting(parser, "--sink", key="sinks", metavar="URI", repeat=True)
    setting(parser, "--find", "--detect", key="find.method", metavar="METHOD", show_default=False)
    setting(parser, "--labels", key="find.labels", metavar="A,B")
    setting(parser, "--every", key="find.every_s", metavar="S")
    setting(parser, "--control", key="control", metavar="ENDPOINT")
    setting(parser, "--keys", key="keys.secret", metavar=KEY_FILE)
    setting(parser, "--clients", key="keys.clients", metavar="FOLDER")
    setting(parser, "--state", key="state", metavar="FILE")
    setting(parser, "--seconds", key="seconds", metavar="S")
    setting(parser, "--frames", key="frames")


def _serve(commands: Commands) -> None:
    parser = add(commands, "serve", _later("serve"), "many cameras, with a page to point at objects, and an HTTP API")
    parser.add_argument("config", nargs="?", help=CONFIG)
    parser.add_argument("--source", action="append", default=[], metavar="URI", help="a camera; several times for more")
    _model_options(parser)
    setting(parser, "--host", key="web.host", root=ServeSettings, metavar="ADDRESS")
    setting(parser, "--port", key="web.port", root=ServeSettings)
    setting(parser, "--token", key="web.token", root=ServeSettings, metavar="FILE")
    parser = add(commands, "access", _later("serve", "access"), "make credentials for the page and the HTTP API")
    parser.add_argument("what", choices=("token", "user"))
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("name", nargs="?", metavar="NAME", help="user: the password is read from the terminal or stdin")


def _model_options(parser: argparse.ArgumentParser, *keys: str) -> None:
    setting(parser, "--model", key="model.id", metavar="M")
    for key in keys:
        setting(parser, f"--{key}", key=f"model.{key}")


def _tracking_options(parser: argparse.ArgumentParser) -> None:
    setting(parser, "--exact", key="tracking.exact")
    parser.add_argument(
        "--tracking", action="append", default=[], metavar="KEY=VALUE", help="a setting, like zoom=3 or extensions=true"
    )


def _motion_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--motion", action="append", default=[], metavar="KEY=VALUE", help="a setting, like enabled=false or max_age=60"
    )


def _prompt_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--box", action="append", default=[], metavar="ID:x0,y0,x1,y1", help="for scene: also ID:truth")
    parser.add_argument(
        "--point", action="append", default=[], metavar="ID:x,y[,0|1]", help="1: on the object (default), 0: off it"
    )
    parser.add_argument("--mask", action="append", default=[], metavar="ID:FILE.png", help="an image; black is outside")


def _demo(commands: Commands) -> None:
    parser = add(commands, "demo", _later("demo"), "track a synthetic live scene and show everything working together")
    parser.add_argument("--seconds", type=SECONDS, default=15.0, metavar="S", help="length (default: %(default)g)")
    parser.add_argument("--out", default="out/demo.mp4", metavar="FILE.mp4", help="overlay (default: %(default)s)")


def _subscribe(commands: Commands) -> None:
    parser = add(commands, "subscribe", _later("talk", "subscribe"), "print what a publisher sends")
    parser.add_argument("endpoint", metavar="ENDPOINT")
    _key_options(parser)
    parser.add_argument("--source", help="only this source (default: the source of the first message)")
    parser.add_argument("--count", type=count(), metavar="N", help="end after N messages")
    parser.add_argument(
        "--max-age-ms", type=number(above=0, at_most=1e9), metavar="M", help="reject messages that are older"
    )
    quiet = "end after S seconds without a fresh message (default: %(default)g)"
    parser.add_argument("--timeout", type=SECONDS, default=10.0, metavar="S", help=quiet)


def _send(commands: Commands) -> None:
    """Commands for a running pipeline."""
    prompt = add(commands, "prompt", _later("talk", "prompt"), "add or refine objects of a running pipeline")
    prompt.add_argument("endpoint", metavar="ENDPOINT")
    _key_options(prompt)
    _prompt_options(prompt)
    prompt.add_argument("--replace", action="store_true", help="start the object anew instead of refining it")
    for name, summary in (("remove", "stop tracking objects"), ("undo", "take back the last prompt of objects")):
        parser = add(commands, name, _later("talk", name), f"{summary} of a running pipeline")
        parser.add_argument("endpoint", metavar="ENDPOINT")
        _key_options(parser)
        parser.add_argument("ids", type=count(1, MAX_OBJECT_ID), nargs="+", metavar="ID")
    for name, summary in (
        ("reset", "stop tracking all objects"),
        ("pause", "let frames pass untracked"),
        ("resume", "track again"),
        ("find", "look for new objects now, in a run with --find"),
        ("status", "the figures of a running pipeline"),
    ):
        parser = add(commands, name, _later("talk", "verb"), summary)
        parser.add_argument("endpoint", metavar="ENDPOINT")
        _key_options(parser)
        parser.set_defaults(verb=name)


def _key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", metavar=KEY_FILE, help="this side's secret key, where the other wants keys")
    parser.add_argument("--server-key", metavar="NAME.key", help="the public key of the other side")


def _keys(commands: Commands) -> None:
    parser = add(commands, "keys", _later("talk", "keys"), "make keys for connections between machines")
    parser.add_argument("what", choices=("new",))
    parser.add_argument("name", metavar="NAME", help="NAME.key is for the other side, NAME.secret stays here")


def _bench(commands: Commands) -> None:
    summary = "measure: the engine beside transformers' loop, the live path, stills and recordings"
    kinds = commands.add_parser("bench", help=summary, description=summary).add_subparsers(
        metavar="WHAT", required=True
    )
    for kind in bench_options.KINDS:
        parser = add(kinds, kind.name, _later("bench"), kind.summary)
        parser.set_defaults(what=kind.name)
        _model_options(parser, *kind.model_keys)
        bench_options.declare(parser, kind)


def _segment(commands: Commands) -> None:
    summary = "masks on still images: from prompts, a detector, or of everything"
    parser = add(commands, "segment", _later("segment"), summary)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files, or folders of them")
    _prompt_options(parser)
    parser.add_argument("--prompts", metavar="FILE.json", help='prompts by image: {"cat.jpg": [{"object_id": 1, ...}]}')
    parser.add_argument("--detect", metavar="MODEL", help="prompt with a detector's boxes: a Hub id or a folder")
    setting(parser, "--labels", key="find.labels", metavar="A,B")
    setting(parser, "--threshold", key="find.min_score")
    parser.add_argument("--auto", action="store_true", help="everything, from a grid of points")
    setting(parser, "--points-per-side", key="segment.grid.points_per_side")
    setting(parser, "--min-iou", key="segment.grid.predicted_iou")
    setting(parser, "--min-stability", key="segment.grid.stability")
    setting(parser, "--crops", key="segment.grid.crop_layers")
    setting(parser, "--min-area", key="segment.grid.min_area", metavar="PX")
    parser.add_argument("--interactive", action="store_true", help="click by click, in a window or typed; with undo")
    parser.add_argument("--candidates", action="store_true", help="list three answers for each prompt")
    _out_options(parser, "out/segment", ("png", "coco"), ("png", "coco", "jsonl"))
    _model_options(parser, "size")
    setting(parser, "--memory-mb", key="segment.memory_mb", metavar="MB")


def _track(commands: Commands) -> None:
    parser = add(commands, "track", _later("track"), "track objects through a recording, forwards and backwards")
    parser.add_argument("video", metavar="VIDEO", help="a file, or a folder of images")
    prompts = 'by frame: {"0": [{"object_id": 1, "box": [...]}]}; or annotations in one of the formats below'
    parser.add_argument("--prompts", required=True, metavar="FILE", help=prompts)
    recorded_options.track(parser)
    _out_options(parser, None, ("png", "jsonl", "mp4"), ("png", "jsonl", "mp4", *recorded_options.FORMATS))
    _model_options(parser, "size", "device", "runtime")
    _tracking_options(parser)


def _convert(commands: Commands) -> None:
    summary = "write what was tracked in the formats of annotation tools and trainers"
    recorded_options.convert(add(commands, "convert", _later("convert"), summary))


def _replay(commands: Commands) -> None:
    summary = "show or publish a recorded run again, or track it again and compare"
    recorded_options.replay(add(commands, "replay", _later("replay"), summary))


def _out_options(
    parser: argparse.ArgumentParser, folder: str | None, formats: tuple[str, ...], known: tuple[str, ...]
) -> None:
    folder_help = f"a folder (default: {folder})" if folder else "a folder; with the same one a run is continued"
    parser.add_argument("--out", default=folder, required=folder is None, metavar="DIR", help=folder_help)
    formats_help = f"of {', '.join(known)} (default: %(default)s)"
    parser.add_argument("--format", default=",".join(formats), metavar="F[,F]", help=formats_help)


def _export(commands: Commands) -> None:
    parser = add(commands, "export", _later("export"), "write the model's graphs as files for programs without torch")
    parser.add_argument("out", metavar="OUT/", help="a folder for graphs, README.md, settings.json and an example")
    parser.add_argument("--format", default="onnx", metavar="F", help="onnx, openvino, coreml (default: %(default)s)")
    _model_options(parser, "size")


def _evaluate(commands: Commands) -> None:
    parser = add(commands, "evaluate", _later("evaluate"), "score a model on a data set in DAVIS layout: J, F and J&F")
    parser.add_argument("root", metavar="ROOT", help="with JPEGImages/480p, Annotations/480p and perhaps Void/480p")
    prompt = "made from the object's first mask (default: %(default)s)"
    parser.add_argument("--prompt", choices=("mask", "box", "point"), default="mask", help=prompt)
    parser.add_argument("--sequences", metavar="A,B", help="only these clips")
    parser.add_argument("--live", type=FPS, metavar="FPS", help="score what is on the screen as the clip plays")
    step = "with --live: the tracker's time a frame (default: as measured)"
    parser.add_argument("--step-ms", type=MILLISECONDS, metavar="X", help=step)
    each = "with --step-ms: further time for each object"
    parser.add_argument("--object-ms", type=MILLISECONDS, metavar="X", help=each)
    flow = "with --live: the time of carrying masks to a frame (default: as measured)"
    parser.add_argument("--flow-ms", type=MILLISECONDS, metavar="X", help=flow)
    _motion_option(parser)
    parser.add_argument("--worst-frames", metavar="FOLDER", help="draw each clip's worst frame there")
    _model_options(parser, "size", "runtime")
    _tracking_options(parser)


def _soak(commands: Commands) -> None:
    summary = "break cameras, servers and connections at random while two pipelines run, and report what grew"
    parser = add(commands, "soak", _later("soak"), summary)
    parser.add_argument(
        "--minutes", type=number(above=0, at_most=100_000), default=5.0, metavar="M", help="(default: %(default)g)"
    )
    commands_help = "send this number of random commands to a server instead; --minutes is the limit"
    parser.add_argument("--commands", type=count(), metavar="N", help=commands_help)
    between = "seconds between faults (default: %(default)g)"
    parser.add_argument("--every", type=number(at_least=0.1, at_most=86_400), default=10.0, metavar="S", help=between)
    seed = "of the random numbers that choose the faults (default: %(default)d)"
    parser.add_argument("--seed", type=count(0), default=0, metavar="N", help=seed)


def _counts(commands: Commands) -> None:
    parser = add(commands, "counts", _later("counts"), "count what happened at zones, from stored events, as CSV")
    parser.add_argument(
        "journal", metavar="FILE.sqlite", help="of `serve` (events.file), or of --sink journal:FILE.sqlite"
    )
    every = "seconds of an interval (default: %(default)g)"
    parser.add_argument("--every", type=number(at_least=1, at_most=31_536_000), default=3600.0, metavar="S", help=every)
    parser.add_argument("--source", metavar="NAME", help="only of this source")


def _configs(commands: Commands) -> None:
    parser = add(commands, "configs", _later("configs"), "list the configurations that come with the package")
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one, to copy and change it")


def _later(module: str, name: str | None = None) -> Callable[[argparse.Namespace], int]:
    """A command whose module is imported when it runs."""

    def command(args: argparse.Namespace) -> int:
        status: int = getattr(import_module(f"streamer.cli.{module}"), name or module)(args)
        return status

    return command
