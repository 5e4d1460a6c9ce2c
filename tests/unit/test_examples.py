"""The examples' sink and source, with a tracker that is not a model; the programs are in tests/process."""

from __future__ import annotations

import ast
import csv
import importlib.util
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import cv2
import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.pipeline.pipeline import Limits, Pipeline
from streamer.types import Prompt
from tests.fakes import FakeSource, FakeTracker, ListSink
from tests.unit.test_architecture import ROOT


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def camera():
    """A camera that serves its newest frame at /snapshot.jpg."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/snapshot.jpg"
            jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(jpeg if found else b"not a JPEG")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_sink_writes_boxes_and_events(tmp_path):
    sink = example("own_sink").CsvSink(tmp_path / "boxes.csv")
    Pipeline(FakeSource(2), FakeTracker(), {"csv": sink}, first=[Prompt(1, box=(3, 2, 20, 10))]).run()
    with (tmp_path / "boxes.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines == [
        ["0", "1", "tracked", "3", "2", "20", "10"],
        ["fake", "started", "object 1: started, score 0.90"],
        ["1", "1", "tracked", "3", "2", "20", "10"],
    ]


def test_a_sink_of_your_own_has_thirty_lines_at_most():
    program = (ROOT / "examples" / "own_sink.py").read_text()
    (sink,) = [node for node in ast.parse(program).body if isinstance(node, ast.ClassDef)]
    assert sink.end_lineno - sink.lineno < 30


def test_the_source_reads_a_camera_until_it_is_closed(camera):
    source, sink = example("own_source").SnapshotSource(f"{camera}/snapshot.jpg", every_s=0.0), ListSink()
    Pipeline(source, FakeTracker(), {"list": sink}, limits=Limits(frames=3)).run()
    images = [result.frame.image for result in sink.results]
    assert len(images) >= 1
    assert all(image.shape == (48, 64, 3) for image in images)
    assert abs(int(images[0][0, 0, 0]) - 90) <= 2
    assert [frame.index for frame in source] == []


def test_the_source_names_the_address_that_gives_no_frame(camera):
    with pytest.raises(SourceError, match="/other: the answer is not a JPEG"):
        next(iter(example("own_source").SnapshotSource(f"{camera}/other")))
    with pytest.raises(SourceError, match=r"127.0.0.1:1/x: "):
        next(iter(example("own_source").SnapshotSource("http://127.0.0.1:1/x")))
