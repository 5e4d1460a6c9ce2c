import socket
import threading
import time

from streamer.edgetam import hub
from streamer.soak.site import free_port


def test_a_hub_that_nobody_can_reach_costs_seconds_and_not_half_a_minute(monkeypatch):
    for name in hub.PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    assert not hub.answers()
    began, stopped = time.monotonic(), threading.Event()

    def look_up(*_: object) -> None:
        stopped.wait(10)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", look_up)
    assert not hub.answers(timeout_s=0.1)
    assert time.monotonic() - began < 2
    stopped.set()


def test_behind_a_proxy_the_hub_counts_as_there(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert hub.answers()
