"""What every section of the settings does: an unknown key is an error, and true is no number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A section of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Reject true and false where a number is needed, and a number where they are: pydantic takes 1 for true."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if not is_text(value, errors="surrogateescape"):  # the bytes of a file's name that is not UTF-8 may pass
            raise PydanticCustomError("text_type", "must be text in UTF-8, without null characters")
        if _holds_bool(value) and not _allows_bool(annotation):
            raise PydanticCustomError("number_type", "input should not be true or false")
        if is_switch(annotation) and not isinstance(value, bool | None):
            raise PydanticCustomError("switch_type", "input should be true or false")
        return value


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a value of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from sections_in(inner)


def is_switch(annotation: Any) -> bool:
    """Whether a value of this type is true, false or perhaps None."""
    return annotation is bool or set(get_args(annotation)) == {bool, type(None)}


def is_text(value: Any, *, errors: str = "strict") -> bool:
    """Whether every text in a value can be written as UTF-8 with this handler of errors."""
    if isinstance(value, dict):
        return is_text([*value, *value.values()], errors=errors)
    if isinstance(value, list | tuple):
        return all(is_text(inner, errors=errors) for inner in value)
    if not isinstance(value, str):
        return True
    try:
        value.encode("utf-8", errors)
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _holds_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_holds_bool, value)))


def _allows_bool(annotation: Any) -> bool:
    return annotation is bool or any(map(_allows_bool, get_args(annotation)))
