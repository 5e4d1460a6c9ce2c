"""What happened at zones, counted from stored events."""

import csv
import io
import json

import pytest

from streamer.cli import main
from streamer.events.counts import csv_of
from streamer.events.journal import Journal, row_of
from streamer.events.types import PlaceEvent

HOUR_NS = 3_600_000_000_000


def place(kind, hours, zone="door", source="cam", **more):
    return PlaceEvent(source, zone, 1, kind, 0, 0, 0, int(hours * HOUR_NS), 0.9, None, **more)


@pytest.fixture
def journal(tmp_path):
    with_events = Journal(tmp_path / "events.sqlite", wall_ns=lambda: 12 * HOUR_NS)
    events = [
        place("entered", 10.1),
        place("left", 10.2, inside_s=30.0),
        place("left", 10.9, inside_s=10.0),
        place("stayed", 10.9, inside_s=10.0),
        place("crossed", 10.5, zone="fence", to="left"),
        place("crossed", 10.6, zone="fence", to="right"),
        place("entered", 11.5),
        place("entered", 11.5, source="yard"),
    ]
    with_events.append(*map(row_of, events))
    yield with_events
    with_events.close()


def test_events_are_counted_by_interval_source_and_zone(journal):
    rows = journal.counts()
    assert [(row.source, row.zone, row.since_ns // HOUR_NS) for row in rows] == [
        ("cam", "door", 10),
        ("cam", "fence", 10),
        ("cam", "door", 11),
        ("yard", "door", 11),
    ]
    assert (rows[0].entered, rows[0].left, rows[0].mean_dwell_s, rows[0].longest_dwell_s) == (1, 2, 20.0, 30.0)
    assert (rows[1].to_left, rows[1].to_right, rows[1].mean_dwell_s) == (1, 1, None)


def test_counts_are_of_one_source_and_of_a_time(journal):
    assert [row.source for row in journal.counts(source="yard")] == ["yard"]
    assert [row.entered for row in journal.counts(since_ns=11 * HOUR_NS, source="cam")] == [1]
    assert journal.counts(until_ns=10 * HOUR_NS) == []
    assert len(journal.counts(every_s=86_400)) == 3


def test_csv_has_a_header_and_times_that_a_spreadsheet_reads(journal):
    rows = list(csv.DictReader(io.StringIO(csv_of(journal.counts()))))
    assert rows[0]["since"] == "1970-01-01T10:00:00Z"
    assert (rows[0]["zone"], rows[0]["left"], rows[1]["mean_dwell_s"]) == ("door", "2", "")


def test_the_command_prints_csv_or_json(journal, capsys):
    assert main(["counts", str(journal.path), "--source", "yard"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("1970-01-01T11:00:00Z,yard,door,1,0")
    assert main(["counts", str(journal.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["mean_dwell_s"] == 20.0


@pytest.mark.parametrize(
    ("more", "line"),
    [(["--every", "0"], "--every: 0 must be at least 1"), (["--every", "nan"], "--every: 'nan' is no number")],
)
def test_an_interval_that_is_none_is_refused(journal, capsys, more, line):
    assert main(["counts", str(journal.path), *more]) == 2
    assert line in capsys.readouterr().err


def test_a_file_that_does_not_exist_is_named_and_not_created(tmp_path, capsys):
    assert main(["counts", str(tmp_path / "none.sqlite")]) == 2
    assert "none.sqlite: no such file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
