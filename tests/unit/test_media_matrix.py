"""The media matrix; docs/media.md is the table, and `scripts/media_matrix.py` prints it."""

from pathlib import Path

import av.error
import pytest

from tests.media import CODECS, Case, evaluated, faults_of, formats, oddities

FIRST = {f"{name} {pixels[0]}" for name, (_, pixels, _) in CODECS.items()}


def parameters() -> list[object]:
    """All oddities, and of each codec its first pixel format; the others are slow."""
    return [
        pytest.param(case, id=case.name, marks=() if case in ODD or case.row in FIRST else pytest.mark.slow)
        for case in (*ODD, *formats())
    ]


ODD = list(oddities())


@pytest.mark.parametrize("case", parameters())
def test_every_reader_agrees_with_ffmpeg_on_count_order_size_and_orientation(case: Case, tmp_path: Path):
    try:
        assert faults_of(case, tmp_path) == []
    except (av.error.FFmpegError, ValueError):
        if case in ODD:
            raise
        pytest.skip(f"FFmpeg writes no {case.name}")


def test_evaluate_reads_images_in_all_orientations(tmp_path: Path):
    assert evaluated(tmp_path) == []
