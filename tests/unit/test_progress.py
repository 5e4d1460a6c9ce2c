"""Progress of long commands, on a terminal and in a log."""

import io
import logging

from streamer.cli import logs, progress
from streamer.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_has_a_line_now_and_then_with_the_rate_and_the_time_left(monkeypatch, caplog):
    monkeypatch.setattr(progress, "LOG_S", 0.0)
    with caplog.at_level(logging.INFO), Progress(total=4, unit="frame", stream=io.StringIO()) as bar:
        for _ in range(4):
            bar.update()
    assert "\r" not in caplog.text
    assert caplog.messages[-1].startswith("4 of 4 frames, ")
    assert caplog.messages[-1].endswith(" frames/s, 00:00 left")


def test_a_command_that_is_done_soon_logs_no_progress(caplog):
    with caplog.at_level(logging.INFO), Progress(total=4, stream=io.StringIO()) as bar:
        bar.update(4)
    assert caplog.messages == []


def test_a_terminal_shows_one_bar_that_renews_itself_and_ends_with_a_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress, "TERMINAL_S", 0.0)
    with Progress(total=2, stream=terminal) as bar:
        bar.update()
        bar.update()
    assert "2/2" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


def test_a_log_line_stands_above_the_bar_and_not_in_it(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress, "TERMINAL_S", 0.0)
    handler = logs.Handler(terminal)
    handler.setFormatter(logs.Plain())
    with Progress(total=2, stream=terminal) as bar:
        bar.update()
        handler.handle(logging.makeLogRecord({"msg": "a camera is lost", "levelname": "WARNING"}))
        bar.update()
    lines = [line.rpartition("\r")[2] for line in terminal.getvalue().split("\n")]
    assert lines[0] == "W a camera is lost"
    assert "2/2" in lines[1]
