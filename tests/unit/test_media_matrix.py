"""The media matrix: docs/media.md is the table, and `scripts/media_matrix.py` prints it."""

from pathlib import Path
from typing import Any

import pytest

from tests.media import CODECS, Case, evaluated, faults_of, formats, oddities

TABLE = Path(__file__).parents[2] / "docs" / "media.md"
FIRST = {f"{name} {pixels[0]}" for name, (_, pixels, _) in CODECS.items()}
ODD = list(oddities())


def documented() -> set[str]:
    """The names of the cases that the document says `yes` to; an empty cell is a clip that FFmpeg does not write."""
    names, columns = set(), list[str]()
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and cells[0] in ("Codec and pixels", "Oddity"):
            columns = cells[1:]
        names |= {f"{cells[0]} in {column}" for column, cell in zip(columns, cells[1:], strict=False) if cell == "yes"}
    return names


def parameters() -> list[Any]:
    """All oddities, and of each codec its first pixel format; the others are slow."""
    cases = [*ODD, *(case for case in formats() if case.name in documented())]
    return [
        pytest.param(case, id=case.name, marks=() if case in ODD or case.row in FIRST else pytest.mark.slow)
        for case in cases
    ]


@pytest.mark.parametrize("case", parameters())
def test_every_reader_agrees_with_ffmpeg_on_count_order_size_and_orientation(case: Case, tmp_path: Path):
    assert faults_of(case, tmp_path) == []


def test_the_document_has_every_oddity_and_no_gap():
    assert {case.name for case in ODD} <= documented()
    assert {row for row in FIRST if not any(name.startswith(f"{row} in ") for name in documented())} == set()
    assert "**no**" not in TABLE.read_text()


def test_evaluate_reads_images_in_all_orientations(tmp_path: Path):
    assert evaluated(tmp_path) == []
