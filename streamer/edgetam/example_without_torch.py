"""Track what is in a box through a video, with the exported graphs and without torch.

    python track.py VIDEO X0 Y0 X1 Y1 OUT.mp4

needs numpy, opencv-python, and onnxruntime or openvino, whichever the files beside this one are for. It is for one
object; the graphs take any number: stack their memories along the first axis, and say with the validity inputs what is
padding.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERE = Path(__file__).parent
ARGUMENTS = 7  # the program, VIDEO, four numbers, OUT
Call = Callable[[dict[str, Any]], dict[str, Any]]


def graph(name: str, here: Path) -> Call:
    """A graph as a function from arrays by name to arrays by name."""
    if (here / f"{name}.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(here / f"{name}.onnx", providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
        return lambda inputs: dict(zip(outputs, session.run(None, inputs), strict=True))
    compiled = openvino_core().compile_model(here / f"{name}.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: {key.any_name: value for key, value in compiled(inputs).to_dict().items()}


@functools.cache
def openvino_core() -> Any:
    """One for all graphs: of several that are unloaded, one may put back a stack for signals that is gone."""
    import openvino

    return openvino.Core()


class BoxTracker:
    """One object, prompted by its box on the first frame."""

    def __init__(self, here: Path = HERE) -> None:
        self.settings = json.loads((here / "settings.json").read_text())
        self.size: int = self.settings["size"]
        names = ("image_encoder", "mask_tracker", "prompt_decoder_single", "memory_encoder")
        self.encode_image, self.track_mask, self.decode_prompt, self.encode_memory = (
            graph(name, here) for name in names
        )
        self.first: tuple[Any, Any] | None = None  # the prompted frame's memory and pointer
        self.memories: deque[Any] = deque(maxlen=self.settings["memories"] - 1)
        self.pointers: deque[Any] = deque(maxlen=self.settings["pointers"] - 1)
        self.step = 0

    def track(self, image_hwc_bgr: Any, box: tuple[float, float, float, float] | None = None) -> Any:
        """The object's mask on the next frame, bool, H x W; the first frame needs a box, x0 y0 x1 y1 in pixels."""
        height, width = image_hwc_bgr.shape[:2]
        features = self.encode_image({"pixels": self.pixels(image_hwc_bgr)})
        if box is not None:
            no_memory = np.asarray(self.settings["no_memory"], np.float32)[None, :, None, None]
            corners = np.array(box, np.float32).reshape(1, 2, 2) * self.size / np.array([width, height])
            prompt = {
                "points": corners.astype(np.float32),
                "labels": np.array([[2, 3]], np.int32),
                "previous": np.zeros((1, 1, self.size // 4, self.size // 4), np.float32),
                "has_previous": np.array([False]),
            }
            found = self.decode_prompt(features | {"stride_16": features["stride_16"] + no_memory} | prompt)
            seen = found["object_logit"][:, None, None] > 0
            found |= {"pointer": found["pointer"][:, 0]}  # of one candidate
            found |= {"mask_logits": np.where(seen, found["mask_logits"][:, 0], -1024).astype(np.float32)}
        else:
            found = self.track_mask(features | self.bank())
        square = cv2.resize(found["mask_logits"][0], (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        memory = self.encode_memory(
            {
                "stride_16": features["stride_16"],
                "mask_logits": square[None, None],
                "object_logit": found["object_logit"],
                "prompted": np.array([box is not None]),
            }
        )["memory"][0]
        if box is not None:
            self.first = (memory, found["pointer"][0])
        else:
            self.memories.append(memory)
            self.pointers.append(found["pointer"][0])
        self.step += 1
        return cv2.resize(found["mask_logits"][0], (width, height), interpolation=cv2.INTER_LINEAR) > 0

    def pixels(self, image_hwc_bgr: Any) -> Any:
        shrinks = image_hwc_bgr.shape[0] > self.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        rgb = cv2.resize(image_hwc_bgr, (self.size, self.size), interpolation=how)[..., ::-1].astype(np.float32) / 255
        normal = (rgb - np.array(self.settings["mean"], np.float32)) / np.array(self.settings["std"], np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32)

    def bank(self) -> dict[str, Any]:
        """The prompted memory is in the last row of the temporal table, the newest other one in row 0."""
        assert self.first is not None, "the first frame needs a box"
        memories, pointers = [self.first[0], *self.memories], [self.first[1], *self.pointers]
        rows = [self.settings["memories"] - 1, *reversed(range(len(self.memories)))]
        ages = [self.step, *reversed(range(1, len(self.pointers) + 1))]
        return {
            "memories": np.stack(memories)[None],
            "memory_age": np.array([rows], np.int64),
            "memory_valid": np.ones((1, len(memories)), np.bool_),
            "pointers": np.stack(pointers)[None],
            "pointer_age": np.array([ages], np.float32),
            "pointer_valid": np.ones((1, len(pointers)), np.bool_),
        }


def main() -> None:
    if len(sys.argv) != ARGUMENTS:
        sys.exit(
            f"usage: {sys.argv[0]} VIDEO X0 Y0 X1 Y1 OUT.mp4: a box around the object on the first frame, in pixels"
        )
    video, *numbers, out = sys.argv[1:]
    try:
        x0, y0, x1, y1 = map(float, numbers)
    except ValueError:
        sys.exit(f"X0 Y0 X1 Y1 are numbers, not {' '.join(numbers)}")
    capture, tracker, writer = cv2.VideoCapture(video), BoxTracker(), None
    box: tuple[float, float, float, float] | None = (x0, y0, x1, y1)
    while True:
        there, image = capture.read()
        if not there:
            break
        mask = tracker.track(image, box)
        box = None
        if writer is None:
            rate = capture.get(cv2.CAP_PROP_FPS) or 25
            writer = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), rate, image.shape[1::-1])
        image[mask] = image[mask] // 2 + np.array([0, 127, 0], np.uint8)
        writer.write(image)
    if writer is None:
        sys.exit(f"{video}: no frames")
    writer.release()


if __name__ == "__main__":
    main()
