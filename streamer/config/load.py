"""Settings from files and options, each mistake reported with its key and the nearest known one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from streamer.config import shipped
from streamer.config.limits import NAME_PATTERN, ZONE_NAME_PATTERN
from streamer.config.section import Section, sections_in
from streamer.config.settings import ServeSettings, Settings
from streamer.errors import UsageError
from streamer.uris import redact

S = TypeVar("S", bound=Section)
LONGEST_VALUE = 80  # characters of a wrong value that an error shows
PATTERNS = {
    NAME_PATTERN: "must begin with a letter or a digit, and hold only these, `_`, `.` and `-`; at most 64 characters",
    ZONE_NAME_PATTERN: "must hold only letters, digits, spaces, `_`, `.` and `-`; at most 64 characters",
}
REASONS = {  # by pydantic's type of error
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of a sensible size",
    "int_from_float": "must be a whole number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "path_type": "must be a path",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list",
    "dict_type": "must be keys and values",
    "string_unicode": "must be text in UTF-8",
    "model_type": "must be keys and values",
    "model_attributes_type": "must be keys and values",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "switch_type": "must be true or false",
    "number_type": "must not be true or false",
}


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
    where = "command line" if path is None else str(path)
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
            raise UsageError(f"{option} {pair!r:.80}: write KEY=VALUE, such as {example}")
        values[key] = _parsed_option(option, pair, value)
    return values


def _parsed_option(option: str, pair: str, value: str) -> Any:
    from yaml import YAMLError

    try:
        return _parsed(value)
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{option} {pair!r:.80}: {value!r:.80} is no value: {' '.join(str(error).split())}") from error


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
    except (YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not YAML: {' '.join(str(error).split()):.300}") from error
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
    *parents, key = [str(part) for part in problem["loc"] if not _is_of_a_union(part)] or [""]
    place = ".".join([*parents, key])
    match problem["type"]:
        case "extra_forbidden":
            import difflib  # for a mistake alone

            known = _known(model, parents)
            near = difflib.get_close_matches(key, known, n=1)
            return f"unknown key {place!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")
        case "missing":
            return f"{place} is missing" + ("; say --source or give a config file" if place == "source" else "")
        case "value_error" if not place:
            return _reason(problem)
        case _:
            return f"{place}: {_reason(problem)}, not {_shown(problem['input'])}"


def _reason(problem: Mapping[str, Any]) -> str:
    """What a value must be, in plain English; a validator of ours says it itself."""
    if (form := PATTERNS.get(problem.get("ctx", {}).get("pattern"))) is not None:
        return form
    if (form := REASONS.get(problem["type"])) is not None:
        return form.format(**problem.get("ctx", {}))
    reason = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input should ")
    return f"must {reason}" if reason.startswith("be ") else f"{reason[:1].lower()}{reason[1:]}"


def _shown(value: Any) -> str:
    """A wrong value, as short as a line allows, and with nothing secret."""
    text = redact(repr(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _is_of_a_union(part: str | int) -> bool:
    """Whether pydantic names a member of a union there, such as `tuple[float, float]`, and no key."""
    return isinstance(part, str) and ("[" in part or part in ("constrained-str", "int", "float"))


def _known(model: type[Section], parents: list[str]) -> list[str]:
    """The keys that may stand where `parents` lead."""
    for part in parents:
        if (field := model.model_fields.get(part)) is not None:
            model = next(sections_in(field.annotation), model)
    return list(model.model_fields)
