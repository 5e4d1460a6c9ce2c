"""Options that set keys of the settings: names, defaults, choices and help come from the settings' own fields."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from streamer.cli.arguments import count, number
from streamer.config.load import checked, motion_of, tracking_of
from streamer.config.section import Section, is_switch, sections_in
from streamer.config.settings import Settings
from streamer.config.stills import SegmentSettings

S = TypeVar("S", bound=Section)
PREFIX = "settings:"  # of the names in the namespace; the rest is the key's path in a configuration
Commands = Any  # what `add_subparsers` returns, which argparse keeps private
METAVARS: dict[Any, str] = {int: "N", float: "X"}


class CommandSettings(Settings):
    """The settings of a run, and the section that only `segment` has."""

    segment: SegmentSettings = SegmentSettings()


def setting(
    parser: argparse.ArgumentParser,
    *flags: str,
    key: str,
    root: type[Section] = CommandSettings,
    metavar: str | None = None,
    repeat: bool = False,
    show_default: bool = True,
) -> None:
    """An option for the setting `key`, such as "source.reconnect". With `repeat` it may be given several times."""
    field = field_of(root, key)
    kind = kind_of(field)
    help_text = help_of(field) if show_default else field.description or ""
    options: dict[str, Any] = {"dest": PREFIX + key, "help": help_text.replace("%", "%%") or None}
    if is_switch(field.annotation):
        options |= {"action": "store_true", "default": None}
    elif choices := choices_of(field.annotation):
        options |= {"choices": choices}
    else:
        options |= {"metavar": metavar or METAVARS.get(number_of(field), key.rpartition(".")[2].upper()), "type": kind}
        if repeat:
            options |= {"action": "append", "type": str}
    parser.add_argument(*flags, **options)


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line gives, nested like a configuration."""
    tree: dict[str, Any] = {}
    for name, value in vars(args).items():
        if name.startswith(PREFIX) and value is not None:
            *sections, key = name.removeprefix(PREFIX).split(".")
            below = tree
            for section in sections:
                below = below.setdefault(section, {})
            below[key] = value
    if pairs := getattr(args, "tracking", None):
        tree["tracking"] = tracking_of(pairs) | tree.get("tracking", {})
    if pairs := getattr(args, "motion", None):
        tree["motion"] = motion_of(pairs)
    return tree


def section_of(args: argparse.Namespace, name: str, model: type[S]) -> S:
    """One section as the command line gives it, with the defaults of the rest; raises UsageError."""
    return checked(model, settings_of(args).get(name, {}), f"settings: {name}")


def field_of(root: type[Section], key: str) -> FieldInfo:
    """The field at the end of a path; raises KeyError for a path that leads nowhere."""
    *sections, last = key.split(".")
    for name in sections:
        root = next(sections_in(root.model_fields[name].annotation))
    return root.model_fields[last]


def help_of(field: FieldInfo) -> str:
    """The field's description and default."""
    default = field.default
    if default is PydanticUndefined or default is None or default is False or default == ():
        return field.description or ""
    shown = f"{default:g}" if isinstance(default, float) else default
    return f"{field.description or ''} (default: {shown})".lstrip()


def kind_of(field: FieldInfo) -> Callable[[str], Any]:
    """What makes a value of an option's text."""
    annotation = field.annotation
    if any(get_origin(part) is tuple for part in (annotation, *get_args(annotation))):
        return words
    kind = next((kind for kind in (int, float) if kind in _parts(annotation)), str)
    return kind if kind is str else _bounded(field, kind)


def _bounded(field: FieldInfo, kind: Any) -> Callable[[str], Any]:
    """A number within the bounds of the setting."""
    bounds = {type(part).__name__: part for part in field.metadata}
    at_least, above, at_most = (getattr(bounds.get(name), name.lower(), None) for name in ("Ge", "Gt", "Le"))
    if kind is int:
        return count(-(10**9) if at_least is None else at_least, 2**53 if at_most is None else at_most)
    return number(
        above=-math.inf if above is None else above,
        at_least=-math.inf if at_least is None else at_least,
        at_most=math.inf if at_most is None else at_most,
    )


def number_of(field: FieldInfo) -> Any:
    """int or float, for a setting that is a number; else None."""
    return next((kind for kind in (int, float) if kind in _parts(field.annotation)), None)


def choices_of(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal; empty for other types."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def words(text: str) -> tuple[str, ...]:
    """A list with commas."""
    return tuple(text.split(","))


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)
