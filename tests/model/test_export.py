"""What is refused, and what is said of a graph that cannot be converted; what works is in tests/peers."""

import pytest

from streamer.edgetam import export
from streamer.errors import StreamerError, UsageError


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--format tflite: known are onnx, openvino, coreml"):
        export.export("nano", "tflite", None, tmp_path)


def test_a_converter_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"needs coremltools; install it with: pip install 'streamer\[coreml\]'"):
        export.export("nano", "coreml", None, tmp_path)


def test_the_graph_that_cannot_be_converted_is_named(tmp_path, monkeypatch):
    def refuse(step, checkpoint, path):
        if path.name == "mask_tracker":
            raise ValueError("no such operation\nand a page more")
        return path

    monkeypatch.setattr(export, "_openvino", refuse)
    with pytest.raises(StreamerError, match=r"the graph mask_tracker cannot be converted: no such operation$"):
        export.export("nano", "openvino", None, tmp_path)
