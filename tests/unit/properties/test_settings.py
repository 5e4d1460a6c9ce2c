"""Every setting and every field of a body, whatever it is set to: a line that names it, or a value that can be used."""

import json
import math
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.config.load import checked, load, load_serve
from streamer.config.section import Section
from streamer.config.settings import ServeSettings, Settings
from streamer.errors import UsageError
from streamer.web.models import Body, CameraBody, CameraPatch, LoginBody, LookBody, NewCameraBody, PromptBody
from tests.unit.properties.values import EDGES, TEXTS, anything, fields, is_one_line, models

MODELS = models(Settings, ServeSettings, CameraBody, CameraPatch, NewCameraBody, PromptBody, LookBody, LoginBody)
FIELDS = [(model, name) for model in MODELS for name in model.model_fields]
LEAST = {  # what a model needs beside the field that is tried
    "source": {"uri": "scene:"},
    "uri": "scene:",
    "name": "a",
    "points": [[0, 0], [1, 0], [1, 1]],
    "secret": "s",
    "clients": "c",
    "hide": "objects",
    "camera_info": "camera.yaml",
}


def least(model: type[Section]) -> dict[str, Any]:
    return {name: LEAST[name] for name, field in model.model_fields.items() if field.is_required()}


def try_value(model: type[Section], name: str, value: object) -> None:
    """Either a line with the field's name, or settings that survive the way out and in again, as JSON."""
    try:
        made = checked(model, {**least(model), name: value}, "test")
    except UsageError as error:
        assert is_one_line(str(error)), str(error)
        assert name in str(error), str(error)
        return
    text = json.dumps(made.model_dump(mode="python"), default=str)
    text.encode("utf-8", "strict" if issubclass(model, Body) else "surrogateescape")
    dumped = json.loads(text)
    assert checked(model, dumped, "test") == made
    assert numbers_are_finite(dumped)


def numbers_are_finite(value: object) -> bool:
    if isinstance(value, dict | list):
        return all(map(numbers_are_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_setting_at_the_edge_of_what_can_be_written_is_a_line_or_a_value(model, name):
    for value in (*EDGES, *TEXTS, None, True, [], {}, [[]], [None], {"a": 1}, [1, 2], [[1, math.nan, 1]]):
        try_value(model, name, value)


@given(st.sampled_from(FIELDS), anything)
@settings(max_examples=300, deadline=None)
def test_a_setting_of_any_kind_is_a_line_or_a_value(field, value):
    model, name = field
    try_value(model, name, value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_number_of_the_settings_has_bounds(model):
    """A number without them ends as an overflow somewhere else: 1e300 seconds, or a size of 2**63."""
    unbounded = [".".join(path) for path, field in fields(model) if _is_unbounded(field.annotation, field.metadata)]
    assert unbounded == []


def _is_unbounded(annotation: Any, metadata: list[Any]) -> bool:
    own = [*metadata, *getattr(annotation, "__metadata__", ())]
    own = [part for item in own for part in (item, *getattr(item, "metadata", ()))]
    if annotation in (int, float):
        names = {type(part).__name__ for part in own}
        return not (names & {"Gt", "Ge"} and names & {"Lt", "Le"})
    return any(_is_unbounded(inner, own) for inner in get_args(annotation) if not isinstance(inner, str))


@given(st.dictionaries(st.sampled_from([*Settings.model_fields, *ServeSettings.model_fields, "uri"]), anything))
@settings(max_examples=60, deadline=None)
def test_a_configuration_file_of_any_content_is_a_line_or_settings(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace")
    for loader in (load, load_serve):
        try:
            loader(path, {})
        except UsageError as error:
            assert is_one_line(str(error)), str(error)


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1"))))
@settings(max_examples=100, deadline=None)
def test_a_file_that_is_not_yaml_is_a_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(UsageError) as caught:
        load(path, {})
    assert is_one_line(str(caught.value)), str(caught.value)
