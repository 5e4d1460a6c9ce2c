"""Settings from files and options, each mistake told with its key and the nearest known one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from streamer.config import shipped
from streamer.config.section import Section, sections_in
from streamer.config.settings import ServeSettings, Settings
from streamer.errors import UsageError

S = TypeVar("S", bound=Section)


def load(path: Path | None, overrides: dict[str, Any]) -> Settings:
    """The settings of a YAML file with `overrides` (nested like the file) on top; raises UsageError naming the key."""
    return _load(Settings, path, overrides)


def load_serve(path: Path | None, overrides: dict[str, Any]) -> ServeSettings:
    """Those of `streamer serve`, likewise."""
    return _load(ServeSettings, path, overrides)


def checked(model: type[S], raw: Any, where: str) -> S:
    """Settings of bare values; raises UsageError naming the key that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{where}: {problem_of(model, error)}") from error


def _load(model: type[S], path: Path | None, overrides: dict[str, Any]) -> S:
    where = "settings" if path is None else str(path)
    raw = {} if path is None else _read(shipped.find(path))
    return checked(model, _merged(raw, overrides), where)


def tracking_of(pairs: Sequence[str]) -> dict[str, Any]:
    """The tracking settings of KEY=VALUE pairs, not yet checked; raises UsageError for what is no pair."""
    return _pairs(pairs, "--tracking", "zoom=3")


def motion_of(pairs: Sequence[str]) -> dict[str, Any]:
    """The motion settings of KEY=VALUE pairs, likewise."""
    return _pairs(pairs, "--motion", "enabled=false")


def _pairs(pairs: Sequence[str], option: str, example: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"{option} {pair!r}: write KEY=VALUE, such as {example}")
        values[key] = _parsed(value)
    return values


def _parsed(text: str) -> Any:
    """YAML as plain values; raises yaml.YAMLError. A run without a file does not import the parser."""
    import yaml

    return yaml.safe_load(text)


def _read(path: Path) -> dict[str, Any]:
    from yaml import YAMLError

    try:
        raw = _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: holds no settings; `streamer configs` lists examples")
    return raw


def _merged(raw: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    merged = dict(raw)
    for key, value in overrides.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def problem_of(model: type[Section], error: ValidationError) -> str:
    """One line for the first error of a validation."""
    return problem_in(model, error.errors()[0])


def problem_in(model: type[Section], problem: Mapping[str, Any]) -> str:
    """One line for one of pydantic's errors, with the nearest known key."""
    *parents, key = [str(part) for part in problem["loc"]] or [""]
    place = ".".join([*parents, key])
    match problem["type"]:
        case "extra_forbidden":
            import difflib  # for a mistake alone

            known = _known(model, parents)
            near = difflib.get_close_matches(key, known, n=1)
            return f"unknown key {place!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")
        case "missing":
            return f"{place} is missing" + ("; say --source or give a config file" if place == "source" else "")
        case _:
            reason = problem["msg"].removeprefix("Value error, ")
            return f"{place}: {reason[0].lower()}{reason[1:]}, not {problem['input']!r:.200}"


def _known(model: type[Section], parents: list[str]) -> list[str]:
    """The keys that may stand where `parents` lead."""
    for part in parents:
        if (field := model.model_fields.get(part)) is not None:
            model = next(sections_in(field.annotation), model)
    return list(model.model_fields)
