"""Commands that the documents print are commands that the program has."""

from __future__ import annotations

import re
import shlex

import pytest

from streamer.cli.commands import parser
from tests.unit.test_architecture import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACEHOLDERS = {"N": "64", "WxH": "640x360", "S": "1", "F": "1", "X": "0.5"}  # as the documents write numbers


def commands(text: str) -> list[str]:
    """Lines of code that begin with `streamer`, and commands within sentences that have an option or an argument."""
    lines = re.findall(r"^ {4,}streamer ([^#|\n]+)", text, re.MULTILINE)
    lines += re.findall(r"`streamer ((?:[a-z]+) [^`|]+)`", text)
    return [re.split(r"  +| && ", line)[0].strip() for line in lines if "..." not in line]


def words_of(command: str) -> list[str]:
    """Its words, with the optional ones, and numbers in place of their names."""
    words = [word.strip("[]").split("|")[0] for word in shlex.split(command)]
    return [PLACEHOLDERS.get(word, word) for word in words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_parses(page, capsys):
    wrong = []
    for command in commands(page.read_text()):
        try:
            parser().parse_args(words_of(command))
        except SystemExit as end:
            if end.code:
                wrong.append(f"{command}: {capsys.readouterr().err.splitlines()[-1]}")
    assert wrong == []


def test_the_documents_have_commands():
    assert sum(len(commands(page.read_text())) for page in PAGES) > 40
