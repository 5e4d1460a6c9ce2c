"""A pipeline in Python: `python examples/pipeline.py clip.mp4 120,80,260,300` tracks the object in a box.

It writes an overlay video with a sink of the package, and `out/boxes.csv` with a sink of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from own_sink import CsvSink

from streamer.config.settings import ModelSettings, PipelineSettings, PromptSettings, SourceSettings
from streamer.service.build import Wiring, build_engine, build_pipeline, build_tracker


def main(uri: str, box: str, folder: Path = Path("out")) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    x0, y0, x1, y1 = (float(number) for number in box.split(","))
    settings = PipelineSettings(
        source=SourceSettings(uri=uri),
        prompts=(PromptSettings(box=(x0, y0, x1, y1)),),
        sinks=(str(folder / "overlay.mp4"),),
    )
    engine = build_engine(ModelSettings(id="nano"))
    own = Wiring(sinks={"boxes": CsvSink(folder / "boxes.csv")})
    pipeline = build_pipeline(settings, lambda: build_tracker(engine, settings), own)
    pipeline.run()  # until the source ends; pipeline.stop() ends it from another thread
    print(f"{pipeline.figures.tracked} frames tracked, {pipeline.dropped} dropped")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
