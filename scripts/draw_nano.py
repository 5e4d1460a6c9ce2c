#!/usr/bin/env python
"""Draw the model card's two plots: `scripts/draw_nano.py runs/nano/log.jsonl streamer/edgetam/nano/README.md docs/`.

The training's log gives the curve (`docs/nano-training.svg`), the card's table of confidence the calibration
(`docs/nano-calibration.svg`).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 50, 20, 40, 40
COLOURS = ("#1b7f5c", "#c2571a", "#3b5bdb", "#9aa0a6")
SMOOTHED = 5  # lines of the log, of 25 steps each
CURVES = ("box chosen", "click chosen", "tracked chosen", "absent seen as absent")
ROW = re.compile(r"^\| \d\.\d to \d\.\d \| (\d+) \| (\d\.\d+) \| (\d\.\d+) \|$", re.MULTILINE)

Points = Sequence[tuple[float, float]]


def place(x: float, y: float) -> tuple[float, float]:
    """Shares of the plot's area, from its lower left, in pixels."""
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)


def text(x: float, y: float, content: str, *, anchor: str = "middle", fill: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{content}</text>'


def line(points: Points, fill: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{fill}" stroke-width="1.6"{dash}/>'


def plot(
    lines: Mapping[str, Points], across: Sequence[tuple[float, str]], below: str, extra: Sequence[str] = ()
) -> str:
    """Lines from 0 to 1, with their names above."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x, y = place(0, share)
        parts += [line([(0, share), (1, share)], "#e3e5e8"), text(x - 6, y + 4, f"{share:g}", anchor="end")]
    parts += [text(place(share, 0)[0], HEIGHT - BOTTOM + 16, name) for share, name in across]
    parts.append(text(WIDTH / 2, HEIGHT - 6, below))
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number]
        parts += [line(points, colour), text(LEFT + 140 * number, 22, name, anchor="start", fill=colour)]
    return "\n".join([*parts, *extra, "</svg>"]) + "\n"


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean of each value and those before it."""
    parts = (values[max(0, n - SMOOTHED + 1) : n + 1] for n in range(len(values)))
    return [sum(part) / len(part) for part in parts]


def training(log: str) -> str:
    rows = [json.loads(row) for row in log.splitlines()]
    last = rows[-1]["step"]
    lines: dict[str, Points] = {}
    for name in CURVES:
        seen = [
            (row["step"] / last, row[name])
            for row in rows
            if name in row and ("absent" not in name or row["stage"] != "stills")
        ]
        lines[name] = list(zip([x for x, _ in seen], smoothed([y for _, y in seen]), strict=True))
    across = [(step / last, str(step)) for step in range(0, last + 1, 500)]
    stages = [now["step"] / last for before, now in pairwise(rows) if before["stage"] != now["stage"]]
    bars = [line([(share, 0), (share, 1)], "#9aa0a6", dashed=True) for share in stages]
    return plot(lines, across, "step; dashed: stills, clips of 4, 8 and 14 frames; IoU, or share of frames", bars)


def calibration(card: str) -> str:
    rows = [(int(frames), float(claimed), float(true)) for frames, claimed, true in ROW.findall(card)]
    most = max(frames for frames, _, _ in rows)
    dots = []
    for frames, claimed, true in rows:
        x, y = place(claimed, true)
        radius = 3 + 9 * (frames / most) ** 0.5
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{COLOURS[0]}" fill-opacity="0.35"/>')
    dots.append(line([(0, 0), (1, 1)], COLOURS[3], dashed=True))
    lines = {"true IoU": [(claimed, true) for _, claimed, true in rows]}
    across = [(share / 5, f"{share / 5:g}") for share in range(6)]
    return plot(
        lines, across, "predicted IoU x score; larger dots are more frames; dashed: what is claimed is true", dots
    )


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    log, card, out = map(Path, sys.argv[1:])
    (out / "nano-training.svg").write_text(training(log.read_text()))
    (out / "nano-calibration.svg").write_text(calibration(card.read_text()))


if __name__ == "__main__":
    main()
