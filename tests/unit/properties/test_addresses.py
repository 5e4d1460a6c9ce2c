"""Every option of every source and sink, whatever it is set to: a line that names it, or an open source or sink."""

from __future__ import annotations

import contextlib
import re
import urllib.parse

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import StreamerError, UsageError
from streamer.sinks import open_sink
from streamer.sources import open_source
from streamer.uris import parse, redact
from tests.unit.properties.values import EDGES, TEXTS, is_one_line

SOURCES = (
    "scene:",
    "camera:0",
    "{folder}",
    "{folder}/*.png",
    "{folder}/none.mp4",
    "rtsp://127.0.0.1:9/x#",
    "http://127.0.0.1:9/x.mp4#",
)
SINKS = (
    "null:",
    "zmq:tcp://127.0.0.1:*",
    "masks:{folder}/masks",
    "journal:{folder}/e.sqlite",
    "{folder}/x.jsonl",
    "mjpeg:127.0.0.1:0",
    "rtsp://127.0.0.1:9/x#",
    "udp://127.0.0.1:9#",
)
VALUES = tuple(
    dict.fromkeys(
        [
            *map(repr, EDGES[:5]),
            *map(repr, EDGES[7:]),
            "1" + 200 * "0",
            *TEXTS[:-1],
            "0x1",
            "1_000",
            "1e3",
            "64x64",
            "0x0",
            "-1x9",
            "99999x9",
        ]
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("addresses")
    cv2.imwrite(str(folder / "1.png"), np.zeros((8, 8, 3), np.uint8))
    return folder


def with_option(form: str, name: str, value: str) -> str:
    mark = "" if form.endswith("#") else "?"
    return f"{form}{mark}{name}={urllib.parse.quote(value, errors='surrogateescape')}"


def options_of(opener, form: str) -> list[str]:
    """The options that an address has, by its own error."""
    with pytest.raises(UsageError, match="unknown option 'bogus'") as caught:
        opener(with_option(form, "bogus", "1"))
    known = str(caught.value).partition("known options: ")[2]
    return [] if known == "none" else known.split(", ")


def try_uri(opener, uri: str) -> str | None:
    """The error's line; None where it opened."""
    try:
        opened = opener(uri)
    except StreamerError as error:
        assert is_one_line(str(error)), str(error)
        return str(error)
    opened.close()
    return None


@pytest.mark.parametrize("form", SOURCES)
def test_an_option_of_a_source_is_a_line_that_names_it_or_a_value(folder, form, monkeypatch):
    monkeypatch.setattr("av.open", _refuse)  # nothing is connected to: only the options are tried
    monkeypatch.setattr("streamer.sources.scene.Scene", lambda _settings: None)  # and nothing is drawn
    form = form.format(folder=folder)
    for name in options_of(open_source, form):
        for value in VALUES:
            line = try_uri(open_source, with_option(form, name, value))
            if line is not None and value not in ("1", "0"):
                assert name in line or "SourceError" not in line


@pytest.mark.parametrize("form", SINKS)
def test_an_option_of_a_sink_is_a_line_that_names_it_or_a_value(folder, form):
    form = form.format(folder=folder)
    for name in options_of(open_sink, form):
        for value in VALUES:
            try_uri(open_sink, with_option(form, name, value))


@pytest.mark.parametrize(
    ("opener", "uri", "line"),
    [
        (open_source, "scene:?fps=inf", "scene: option fps='inf' must be a finite number"),
        (open_source, "scene:?fps=0", "scene: option fps=0 must be at least 0.01"),
        (open_source, "scene:?frames=1.5", "scene: option frames=1.5 must be a whole number"),
        (open_source, "scene:?realtime=perhaps", "scene: option realtime='perhaps' must be 1 or 0"),
        (open_source, "scene:?size=16384x16384", "must be from 64x64 to 4096x4096"),
        (open_source, "scene:?fps=3&fps=4", "option 'fps' is there twice"),
        (open_source, "scene:two", "takes only options"),
        (open_source, "camera:0?fps=nan", "option fps='nan' must be a finite number"),
        (open_source, "{folder}?fps=0", "option fps=0 must be at least 0.01"),
        (open_source, "rtsp://127.0.0.1:9/x#transport=pigeon", "must be one of tcp, udp"),
        (open_source, "rtsp://", "the host is missing"),
        (open_source, "", "is no address"),
        (open_sink, "masks:", "a path is missing; write masks:FOLDER"),
        (open_sink, "journal:", "a path is missing; write journal:FILE.sqlite"),
        (open_sink, "journal:{folder}/e.sqlite?days=-1", "days: must be more than 0, not '-1'"),
        (open_sink, "journal:{folder}/e.sqlite?max_size_mb=inf", "max_size_mb: must be a finite number"),
        (open_sink, "{folder}/x.jsonl?every=nan", "option every='nan' must be a finite number"),
        (open_sink, "{folder}/x.jsonl?every=0", "option every=0 must be more than 0"),
        (open_sink, "{folder}/x.jsonl?every=1&keep=1.5", "option keep=1.5 must be a whole number"),
        (open_sink, "{folder}/x.jsonl?required=maybe", "option required='maybe' must be 1 or 0"),
        (open_sink, "{folder}/x.jsonl?every=1&every=2", "option 'every' is there twice"),
        (open_sink, "null:?x", "unknown option 'x'"),
        (open_sink, "rtsp://", "the host is missing"),
    ],
)
def test_an_option_that_was_silently_ignored_or_ended_in_a_traceback_is_a_line(folder, opener, uri, line):
    assert line in (try_uri(opener, uri.format(folder=folder)) or "it opened")


@given(
    st.text(),
    st.sampled_from(["", "scene:", "camera:", "rtsp://", "http://", "mjpeg:", "zmq:", "masks:", "journal:", "file:"]),
)
@settings(max_examples=200, deadline=None)
def test_an_address_of_any_text_is_parsed_or_a_line(text, scheme):
    with contextlib.suppress(UsageError):
        address = parse(scheme + text)
        assert is_one_line(str(address.error("x").args[0]).replace("\n", " ")) or re.search(
            r"[\x00-\x1f\x85\u2028\u2029]", text
        )
    redact(scheme + text)


def _refuse(*_: object, **__: object) -> None:
    raise OSError(111, "refused")
