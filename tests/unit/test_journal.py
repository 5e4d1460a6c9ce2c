"""Events on disk, and on their way to a receiver that is not always there."""

import contextlib
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from streamer.config.settings import EventSettings
from streamer.errors import SinkError, UsageError
from streamer.events.delivery import MAX_REJECTIONS
from streamer.events.journal import DAY_NS, PRUNE_EVERY, Journal, read, row_of
from streamer.events.journal_sink import JournalSink, SharedJournalSink
from streamer.events.pending import pending_file, write_pending
from streamer.events.receivers import receivers_of
from streamer.events.types import ObjectEvent, SourceEvent
from streamer.rate_limit import Backoff
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
        self.status = 204
        self.answers: dict[int, int] = {}  # the status for an event, by its index
        self.visited: list[str] = []
        self.silent = 0  # so many answers get lost
        self.on_event = lambda: None  # before an event is answered
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                receiver.visited.append(self.path)
                self.send_response(200)
                self.end_headers()

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if (status := receiver.answers.get(body["index"], receiver.status)) != 204:
                    self.send_response(status)
                    self.send_header("Location", f"http://elsewhere.example{self.path}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                assert self.headers["X-Event-Id"] == str(body["id"])
                receiver.got.append(body)
                receiver.on_event()
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


def quick(monkeypatch, *steps_s: float) -> None:
    """Wait for other times between attempts at a receiver."""
    monkeypatch.setattr("streamer.events.delivery.EventDelivery.__init__.__defaults__", (lambda: Backoff(steps_s),))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    quick(monkeypatch, 0.05, 0.1)


def test_events_are_on_disk_when_they_have_been_told(tmp_path):
    path = tmp_path / "events.sqlite"
    sink = open_sink(f"journal:{path}")
    sink.notify(event(3))
    sink.notify(SourceEvent("cam", "lost", "stalled", "no frame for 5 s", 1, 0, time.time_ns()))
    wait(lambda: sink.stored)
    assert [(entry["event"], entry["source"]) for entry in read(path)] == [("lost", "cam"), ("lost", "cam")]
    sink.close()


def test_what_is_too_old_or_too_much_goes_the_oldest_first(tmp_path):
    path, now = tmp_path / "events.sqlite", time.time_ns()
    journal = Journal(path, EventSettings(days=2), wall_ns=lambda: now)
    for index in range(PRUNE_EVERY + 2):
        journal.append(row_of(event(index, now - (3 * DAY_NS if index < 10 else 0))))
    assert read(path)[0]["index"] == 10
    journal.close()
    small = Journal(path, EventSettings(max_size_mb=0.06))
    for index in range(3000):
        small.append(row_of(event(index)))
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
    receiver.status = 503
    for index in range(3):
        sink.notify(event(index))
    wait(lambda: "event 1 is kept and sent again" in caplog.text)
    sink.close()
    assert receiver.got == []
    receiver.status, receiver.silent = 204, 1
    sink = open_sink(uri)
    wait(lambda: len(receiver.got) == 4)
    sink.close()
    assert [entry["id"] for entry in receiver.got] == [1, 1, 2, 3]


def test_what_makes_no_sense_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(UsageError, match="give an http:// or https:// address"):
        open_sink(f"journal:{tmp_path}/a.sqlite?webhook=ftp://x")
    for host in ("", "a" * 64, "xn--"):
        with pytest.raises(UsageError, match="no such host is possible"):
            receivers_of(EventSettings(webhook=f"http://{host}/hook"))
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
    quick(monkeypatch, 30.0)
    receiver.status = 503
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}")
    for index in range(20):
        sink.notify(event(index))
        time.sleep(0.01)
    sink.close()
    assert caplog.text.count("is kept and sent again") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_not_a_delivery(tmp_path, receiver, caplog, status):
    receiver.status = status
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}")
    sink.notify(event(0))
    wait(lambda: "the server redirects to http://elsewhere.example/hook" in caplog.text)
    receiver.status = 204
    wait(lambda: [entry["index"] for entry in receiver.got] == [0])
    sink.close()
    assert receiver.visited == []


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_an_event_that_is_rejected_is_set_aside_and_the_next_ones_are_delivered(tmp_path, receiver, caplog, status):
    receiver.answers[1] = status
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}")
    for index in range(3):
        sink.notify(event(index))
    wait(lambda: [entry["index"] for entry in receiver.got] == [0, 2])
    sink.close()
    assert caplog.text.count("event 2 is kept and sent again") == MAX_REJECTIONS - 1
    assert "event 2 is set aside and stays in the journal" in caplog.text


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_event_that_may_be_accepted_later_is_never_set_aside(tmp_path, receiver, caplog, status):
    receiver.answers[0] = status
    sink = open_sink(f"journal:{tmp_path}/events.sqlite?webhook={receiver.url}")
    sink.notify(event(0))
    wait(lambda: caplog.text.count("event 1 is kept and sent again") > MAX_REJECTIONS)
    receiver.answers.clear()
    wait(lambda: len(receiver.got) == 1)
    sink.close()


def test_no_event_is_lost_while_another_process_locks_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("streamer.events.journal_sink.BUSY_S", 0.05)
    path = tmp_path / "events.sqlite"
    sink = JournalSink(EventSettings(file=path), backoff=Backoff((0.05,)))
    locked = sqlite3.connect(path, isolation_level=None)
    locked.execute("begin immediate")
    for index in range(8):
        sink.notify(event(index))
    time.sleep(0.3)
    assert not sink.stored
    locked.execute("rollback")
    wait(lambda: sink.stored)
    sink.close()
    assert [entry["index"] for entry in read(path)] == list(range(8))
    locked.close()


def test_events_that_cannot_be_stored_before_the_end_are_stored_by_the_next_run(tmp_path):
    path = tmp_path / "events.sqlite"
    sink = JournalSink(EventSettings(file=path))
    locked = sqlite3.connect(path, isolation_level=None)
    locked.execute("begin immediate")
    for index in range(5):
        sink.notify(event(index))
    sink.close()
    assert pending_file(path).exists()
    locked.close()
    following = JournalSink(EventSettings(file=path))
    following.notify(event(5))
    wait(lambda: len(read(path)) == 6)
    following.close()
    assert [entry["index"] for entry in read(path)] == list(range(6))
    assert not pending_file(path).exists()


def test_thousands_of_events_at_once_are_stored_before_the_end(tmp_path):
    path = tmp_path / "events.sqlite"
    sink = JournalSink(EventSettings(file=path))
    for index in range(5000):
        sink.notify(event(index))
    sink.close()
    assert [entry["index"] for entry in read(path)] == list(range(5000))
    assert sink.lost == 0


def test_a_line_that_was_cut_off_costs_the_events_after_it_nothing(tmp_path, caplog):
    path = tmp_path / "events.sqlite"
    assert write_pending(path, [row_of(event(0))])
    with pending_file(path).open("ab") as file:
        file.write(b'[17000000, "cam", "lo')
    assert write_pending(path, [row_of(event(1))])
    sink = JournalSink(EventSettings(file=path))
    sink.notify(event(2))
    wait(lambda: path.exists() and len(read(path)) == 3)
    sink.close()
    assert [entry["index"] for entry in read(path)] == [0, 1, 2]
    assert "1 incomplete lines are left out" in caplog.text


def test_events_are_stored_all_or_none(tmp_path):
    with contextlib.closing(Journal(tmp_path / "events.sqlite")) as journal:
        with pytest.raises(SinkError, match="cannot be written"):
            journal.append(row_of(event(0)), (None, "cam", "lost", "{}"))
        journal.append(row_of(event(1)))
    assert [entry["index"] for entry in read(tmp_path / "events.sqlite")] == [1]


def test_a_locked_journal_is_logged_once_and_an_event_is_not_delivered_again_for_it(
    tmp_path, receiver, monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr("streamer.events.journal_sink.BUSY_S", 0.01)
    monkeypatch.setattr(Journal.__init__, "__kwdefaults__", {"busy_s": 0.01, "wall_ns": time.time_ns})
    settings = EventSettings(file=tmp_path / "events.sqlite", webhook=receiver.url)
    sink = JournalSink(settings, receivers_of(settings), backoff=Backoff((0.02,)))
    locked = sqlite3.connect(settings.file, isolation_level=None, check_same_thread=False)
    locks = iter(["begin immediate"])  # between the delivery of the first event and its acknowledgement
    receiver.on_event = lambda: [locked.execute(lock) for lock in locks]
    sink.notify(event(0))
    wait(lambda: "cannot be written: database is locked" in caplog.text)
    sink.notify(event(1))
    wait(lambda: caplog.text.count("cannot be written: database is locked") > 3)
    locked.execute("rollback")
    wait(lambda: len(receiver.got) == 2)
    sink.close()
    locked.close()
    assert [entry["id"] for entry in receiver.got] == [1, 2]
    assert caplog.text.count("events are kept in memory and stored later") == 1
    assert "events are stored again" in caplog.text


def test_a_camera_that_is_changed_while_the_journal_is_locked_loses_no_event(tmp_path):
    path = tmp_path / "events.sqlite"
    journal = JournalSink(EventSettings(file=path))
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("begin immediate")
    for index in range(3):  # three pipelines, one after the other
        sink = SharedJournalSink(journal, {1: "the ball"}.get)
        sink.notify(event(index))
        sink.close()
    lock.close()
    wait(lambda: journal.stored)
    journal.close()
    assert [fields["index"] for fields in read(path)] == [0, 1, 2]
    assert journal.lost == 0
