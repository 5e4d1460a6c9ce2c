"""What is said on stderr."""

import json
import logging

from streamer.cli.logs import Plain, Structured

CAMERA = "rtsp://admin:hunter2@10.0.0.1/x"


def record(message, *arguments, exc_info=None):
    return logging.LogRecord("streamer.x", logging.WARNING, "x.py", 1, message, arguments, exc_info)


def test_a_line_for_people_has_no_password():
    assert Plain().format(record("%s is gone", CAMERA)) == "W rtsp://***@10.0.0.1/x is gone"


def test_a_line_for_machines_is_one_object_and_has_no_password():
    try:
        raise ValueError(CAMERA)
    except ValueError as error:
        line = Structured().format(record("%s\nis gone", CAMERA, exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in line
    assert "hunter2" not in line
    fields = json.loads(line)
    assert fields["level"] == "warning"
    assert fields["message"] == "rtsp://***@10.0.0.1/x\nis gone"
    assert fields["time"].endswith("+00:00")
    assert "ValueError" in fields["traceback"]
