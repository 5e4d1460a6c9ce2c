"""Events on disk, and on their way to a receiver that is not always there."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from streamer.errors import SinkError, UsageError
from streamer.events.journal import DAY_NS, PRUNE_EVERY, Journal, Retention, read
from streamer.events.types import ObjectEvent, SourceEvent
from streamer.sinks import open_sink
from tests.waiting import wait


def event(index: int, wall_ns: int | None = None) -> ObjectEvent:
    wall_ns = time.time_ns() if wall_ns is None else wall_ns
    return ObjectEvent("cam", 1, "lost", index, 0, 0, wall_ns, 0.25, 0.5, None)


class Receiver:
    """A real web server that can be made to refuse, and to take an event without saying so."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.logins: set[str | None] = set()
        self.refuses = False
        self.silent = 0  # so many answers get lost
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.refuses:
                    self.send_error(503)
                    return
                assert self.headers["X-Event-Id"] == str(body["id"])
                receiver.got.append(body)
                receiver.logins.add(self.headers.get("Authorization"))
                if receiver.silent:
                    receiver.silent -= 1
                    self.close_connection = True
                    return
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("streamer.events.delivery.WAITS_S", (0.05, 0.1))


def test_events_are_on_disk_when_they_have_been_told(tmp_path):
    path = tmp_path / "events.sqlite"
    sink = open_sink(f"journal:{path}")
    sink.notify(event(3))
    sink.notify(SourceEvent("cam", "lost", "stalled", "no picture for 5 s", 1, 0, time.time_ns()))
    assert [(entry["event"], entry["source"]) for entry in read(path)] == [("lost", "cam"), ("lost", "cam")]
    sink.close()


def test_what_is_too_old_or_too_much_goes_the_oldest_first(tmp_path):
    path, now = tmp_path / "events.sqlite", time.time_ns()
    journal = Journal(path, Retention(days=2, most_bytes=None), wall_ns=lambda: now)
    for index in range(PRUNE_EVERY + 2):
        journal.append(event(index, now - (3 * DAY_NS if index < 10 else 0)))
    assert read(path)[0]["index"] == 10
    journal.close()
    small = Journal(path, Retention(days=None, most_bytes=60_000))
    for index in range(3000):
        small.append(event(index))
    small.close()
    kept = read(path)
    assert kept[-1]["index"] == 2999
    assert len(kept) < 1500
    assert path.stat().st_size < 200_000


def test_a_webhook_gets_every_event_in_order_with_the_login_of_its_address(tmp_path, receiver):
    url = receiver.url.replace("http://", "http://robot:s3cret@")
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={url}")
    for index in range(5):
        sink.notify(event(index))
    wait(lambda: len(receiver.got) == 5)
    sink.close()
    assert [entry["index"] for entry in receiver.got] == list(range(5))
    assert receiver.logins == {"Basic cm9ib3Q6czNjcmV0"}
    assert b"s3cret" not in (tmp_path / "events.sqlite").read_bytes()


def test_what_a_receiver_refused_or_missed_comes_again_after_a_restart_too(tmp_path, receiver, caplog):
    uri = f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}"
    sink = open_sink(uri)
    receiver.refuses = True
    for index in range(3):
        sink.notify(event(index))
    wait(lambda: "event 1 is kept and sent again" in caplog.text)
    sink.close()
    assert receiver.got == []
    receiver.refuses, receiver.silent = False, 1
    sink = open_sink(uri)
    wait(lambda: len(receiver.got) == 4)
    sink.close()
    assert [entry["id"] for entry in receiver.got] == [1, 1, 2, 3]


def test_what_makes_no_sense_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match="give an http:// or https:// address"):
        open_sink(f"journal:{tmp_path}/a.sqlite?webhook=ftp://x")
    with pytest.raises(UsageError, match="give mqtt://HOST:PORT/TOPIC"):
        open_sink(f"journal:{tmp_path}/a.sqlite?mqtt=mqtt://host")
    for receiver in ("webhook=http://[", "webhook=http://host:port", "mqtt=mqtt://user:hunter2@host:99999/topic"):
        with pytest.raises(UsageError, match="is no address") as caught:
            open_sink(f"journal:{tmp_path}/a.sqlite?{receiver}")
        assert "hunter2" not in str(caught.value)
    (tmp_path / "b.sqlite").write_text("not a database at all, but text that is long enough to be taken for one")
    with pytest.raises(SinkError, match="cannot be used as a journal"):
        open_sink(f"journal:{tmp_path}/b.sqlite")


def test_news_do_not_shorten_the_wait_for_a_receiver_that_is_away(tmp_path, receiver, monkeypatch, caplog):
    monkeypatch.setattr("streamer.events.delivery.WAITS_S", (30.0,))
    receiver.refuses = True
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}")
    for index in range(20):
        sink.notify(event(index))
        time.sleep(0.01)
    sink.close()
    assert caplog.text.count("is kept and sent again") == 1
