"""No part of a password is shown, whatever it holds and wherever it stands."""

import pytest

from streamer.errors import UsageError
from streamer.sources import open_source
from streamer.uris import parse, redact

MARKS = {"/": "%2F", "#": "%23", "?": "%3F", " ": "%20"}


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "rtmp", "http", "https"])
@pytest.mark.parametrize("mark", MARKS)
def test_a_password_with_a_mark_of_addresses_is_refused_with_a_hint_and_not_shown(scheme, mark):
    uri = f"{scheme}://admin:hunter{mark}secret@127.0.0.1:9/x"
    with pytest.raises(UsageError, match=f"write it as {MARKS[mark]}") as caught:
        open_source(uri)
    assert not any(part in str(caught.value) for part in ("hunter", "secret", "admin"))


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2@h/x",
        "rtsp://admin:hun@ter2@h/x",
        "RTSP://admin:hunter2@h/x",
        "rtsp:admin:hunter2@h/x",
        "//admin:hunter2@h/x",
        "http://h/x?user=admin&password=hunter2",
        "http://h/x?a=1&api_key=hunter2",
        "http://h/x?access_token=hunter2#b",
        "srt://h:1?passphrase=hunter2",
        "https://h/x?X-Amz-Signature=hunter2",
        "opening rtsp://admin:hunter2@h/x failed; so did rtsp://admin:hunter2@g/y",
    ],
)
def test_passwords_and_tokens_are_replaced_wherever_they_stand(text):
    shown = redact(text)
    assert "hunter" not in shown
    assert "ter2" not in shown
    assert "***" in shown
    assert redact(shown) == shown


def test_what_holds_no_secret_is_shown_as_it_is():
    for text in ("clip.mp4?realtime", "rtsp://h:554/live?channel=1", "2026-11-24T10:30:00.mp4", "a@b.mp4"):
        assert redact(text) == text
    assert parse("rtsp://admin:hun%2Fter2@h/x").shown == "rtsp://***@h/x"
