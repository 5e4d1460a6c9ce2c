"""Draw docs/motion.png: the newest mask of a late model where it was, and carried to the frame that is shown.

    scripts/draw_motion.py [docs/motion.png]

A synthetic scene at 30 fps; the model takes a frame, and its answer comes three frames later.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from streamer.config.motion import MotionSettings
from streamer.edgetam import open_tracker
from streamer.masks import box_of, overlay
from streamer.motion.carrier import MaskCarrier, ModelAnswer
from streamer.types import Frame, Prompt, Track
from streamer.video.scene import Scene, SceneSettings

LATE, FRAMES = 3, 60
SCENE = SceneSettings(objects=3, width=480, height=270, fps=12.0, frames=FRAMES, seed=2)  # 12 of its fps are fast


def main(path: Path) -> None:
    scene, carrier, tracker = Scene(SCENE), MaskCarrier(MotionSettings()), open_tracker("nano")
    prompts = [Prompt(number, box=box_of(mask)) for number, mask in scene.truth(0).items() if mask.any()]
    asked: tuple[Frame, tuple[Track, ...]] | None = None
    newest: tuple[Track, ...] = ()
    best, picture = 0.0, np.zeros((1, 1, 3), np.uint8)
    for index in range(FRAMES):
        frame = Frame.from_image(scene.draw(index)[0], index=index)
        carrier.see(frame)
        if index % LATE == 0:
            if asked is not None:
                newest = asked[1]
                carrier.answer(ModelAnswer(asked[0], newest, tuple(track.object_id for track in newest)))
            asked = frame, tracker.track(frame, prompts if index == 0 else ())
        standings = carrier.standings()
        moved = max((float(np.hypot(*each.displacement_px)) for each in standings), default=0.0)
        if moved > best:
            carried = tuple(each.track for each in standings)
            best = moved
            picture = np.hstack((overlay(frame.image, newest), np.full((SCENE.height, 4, 3), 255, np.uint8)))
            picture = np.hstack((picture, overlay(frame.image, carried)))
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: the fastest object moved {best:.0f} pixels since the model's frame")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/motion.png"))
