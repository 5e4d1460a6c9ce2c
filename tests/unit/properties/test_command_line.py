"""Every number and every prompt of the command line, whatever is written: a line that names it, or a value."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.cli import prompts
from streamer.cli.arguments import joined
from streamer.cli.commands import parser
from streamer.cli.options import settings_of, words
from streamer.config import load as config
from streamer.errors import StreamerError, UsageError
from tests.unit.properties.values import EDGES, TEXTS, is_one_line

LONG = tuple(str(edge) for edge in EDGES if edge != 10**400)
WRITTEN = tuple(dict.fromkeys([*LONG, "1" + 200 * "0", *TEXTS, "0x10", "1_000", "1e3", "--", "-1:2", "1,2"]))
OPTIONS = ["--box", "--point", "--mask", "--sink", "--tracking", "--source", "--labels", "--find"]


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield from _below("", parser())


def _below(name: str, top: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands of a parser, and their own commands, by their words."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from _below(f"{name} {word}".strip(), command)
            return
    yield name, top


NUMBERS = [
    (name, action.option_strings[-1])
    for name, command in commands()
    for action in command._actions
    if action.option_strings and callable(action.type) and action.type not in (str, Path, words)
]


def words_of(name: str) -> list[str]:
    """The least that a command takes."""
    command = dict(commands())[name]
    words = name.split()
    for action in command._actions:
        if action.option_strings and action.required:
            words += [action.option_strings[-1], "x"]
        elif not action.option_strings and action.nargs not in ("?", "*"):
            words.append("1" if action.type is not None else str(next(iter(action.choices or ["x"]))))
    return words


@pytest.mark.parametrize(("name", "option"), NUMBERS, ids=str)
def test_a_number_of_the_command_line_is_a_line_that_names_it_or_a_finite_value(name, option):
    top, least = parser(), words_of(name)
    for text in WRITTEN:
        try:
            args = top.parse_args([*least, f"{option}={text}"])
        except UsageError as error:
            assert is_one_line(str(error)), str(error)
            assert option in str(error), str(error)
            continue
        value = getattr(args, next(a.dest for a in dict(commands())[name]._actions if option in a.option_strings))
        assert math.isfinite(value)
        assert abs(value) <= 10**10


def test_no_number_of_the_command_line_lacks_bounds():
    actions = [(name, action) for name, command in commands() for action in command._actions]
    assert [(name, action.dest) for name, action in actions if action.type in (int, float)] == []


@given(st.lists(st.sampled_from([*OPTIONS, *WRITTEN]) | st.text(max_size=12), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_words_after_run_are_settings_or_a_line(written):
    try:
        args = parser().parse_args(["run", "--source", "scene:", *written])
        config.load(None, settings_of(args))
    except SystemExit as ended:  # --help
        assert ended.code == 0
    except StreamerError as error:
        assert is_one_line(str(error)), str(error)


@given(st.sampled_from(WRITTEN) | st.text(max_size=20), st.sampled_from(WRITTEN) | st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_a_prompt_of_any_text_is_an_entry_or_a_line(first, second):
    for boxes, points, masks in (([first, second], [], []), ([], [first, second], []), ([first], [], [second])):
        try:
            prompts.remote(prompts.parse(boxes, points, masks), "refine")
        except StreamerError as error:
            assert is_one_line(str(error)), str(error)


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_a_file_of_prompts_of_any_text_is_prompts_or_a_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "prompts.json"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        prompts.read_file(path)
    except UsageError as error:
        assert is_one_line(str(error)), str(error)


def test_a_value_that_begins_with_a_minus_belongs_to_its_option():
    words = ["run", "--box", "-1:2,3", "--point", "-5,3", "--json", "-x"]
    assert joined(words) == ["run", "--box=-1:2,3", "--point=-5,3", "--json", "-x"]


def test_a_wrong_place_to_serve_is_named():
    with pytest.raises(UsageError, match="--port: 99999 must be at most 65535"):
        parser().parse_args(["serve", "--port", "99999"])
    with pytest.raises(UsageError, match=r"command line: web\.host: must not be empty"):
        config.load_serve(None, settings_of(parser().parse_args(["serve", "--host", ""])))
