"""Values that nobody expects, for every setting, body and option."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from streamer.config.section import Section

EDGES = (0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 1e-300, 1e300, -1e300, math.inf, -math.inf, math.nan)
TEXTS = ("", " ", "nan", "inf", "-1", "1e400", "..", "a\0b", "ä\n", "٣", "true", "[", "{", "%", "a" * 400, "\ud800")
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(EDGES), st.integers(), st.floats(), st.sampled_from(TEXTS), st.text()
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


def fields(model: type[Section]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting of a model and of its sections, by its path."""
    for name, field in model.model_fields.items():
        yield (name,), field
        for section in sections(field.annotation):
            if get_origin(field.annotation) in (tuple, dict):
                continue  # a list of sections has models of its own
            for path, below in fields(section):
                yield (name, *path), below


def sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from sections(inner)


def models(*roots: type[Section]) -> list[type[Section]]:
    """The models and all sections in them, each once."""
    found: dict[type[Section], None] = {}
    for root in roots:
        found[root] = None
        for field in root.model_fields.values():
            found |= dict.fromkeys(models(*sections(field.annotation)))
    return list(found)


def is_one_line(text: str) -> bool:
    return bool(text.strip()) and text.splitlines() == [text] and len(text) < 1000
