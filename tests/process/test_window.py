"""The window of `streamer segment --interactive`, on a real display."""

import subprocess

import numpy as np
import pytest

from streamer.edgetam.image import ImageSegmenter
from streamer.edgetam.runtimes.eager import TorchRuntime
from streamer.masks import box_of, iou
from streamer.offline.refinement import Session
from tests.requirements import package, program, require


@pytest.fixture
def display(monkeypatch):
    require("xvfb", package("_tkinter"), "a Python that is built with Tk")
    require("xvfb", program("Xvfb"), "apt-get install xvfb")
    server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24"], stdout=subprocess.PIPE)
    monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().decode().strip()}")
    yield
    server.terminate()
    server.wait()
    server.stdout.close()


def test_clicks_drags_and_keys_refine_an_object(display, nano, scene):
    from streamer.cli.window import Window

    image = scene.draw(0)[0]
    segmenter = ImageSegmenter(TorchRuntime(nano))
    session = Session(segmenter, segmenter.embed([image])[0])
    window = Window("a picture", image, session)
    window.root.update()

    def drag(x0, y0, x1, y1):
        window._canvas.event_generate("<ButtonPress-1>", x=x0, y=y0)
        window._canvas.event_generate("<ButtonRelease-1>", x=x1, y=y1)
        window.root.update()

    true = scene.truth(0)[1]
    drag(*box_of(true))
    assert iou(session.now.segments[0].mask, true) > 0.7
    before = session.now.segments[0].mask
    window._canvas.event_generate("<ButtonPress-3>", x=3, y=3)
    window.root.update()
    assert session.now.prompts[0].labels == (0,)
    window.root.focus_force()
    window.root.event_generate("<Key-u>")
    window.root.update()
    np.testing.assert_array_equal(session.now.segments[0].mask, before)
    window.root.event_generate("<Key-n>")
    window.root.update()
    assert session.now.current == 2
    window.root.event_generate("<Return>", when="now")
    assert window.go_on
