"""One set of weights for all faults, a camera site, and the table at the end."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import pytest

from streamer.config.settings import TrackingSettings
from streamer.edgetam.runtimes import choose as runtimes
from streamer.edgetam.tracker import StreamingTracker
from streamer.process.memory import open_descriptors
from streamer.soak.site import Site
from tests.faults import ledger
from tests.process import processes
from tests.process.conftest import fake_webcam  # noqa: F401 - a fixture here, too


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(180))


def pytest_terminal_summary(terminalreporter):
    if ledger.rows:
        terminalreporter.write_line("")
        for line in ledger.table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def runtime(nano):
    return runtimes.start(runtimes.choose("auto", nano.device), nano)


@pytest.fixture
def tracker(nano, runtime):
    return StreamingTracker(runtime, TrackingSettings())


@pytest.fixture(scope="module")
def site():
    with Site() as site:
        yield site


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    processes.end_all()


@pytest.fixture
def nothing_leaks():
    """No thread and no file descriptor more than before; those of libraries appear once."""
    before = threading.active_count(), open_descriptors()
    yield
    processes.end_all()
    deadline = time.monotonic() + 12  # a read that was left behind ends with its own timeout
    while (threading.active_count(), open_descriptors()) > before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.1)
    assert threading.active_count() <= before[0], threading.enumerate()
    assert open_descriptors() <= before[1], open_files()


def open_files() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return found
