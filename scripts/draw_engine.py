#!/usr/bin/env python
"""Draw what `streamer bench engine --json` printed: `scripts/draw_engine.py engine.json docs/engine.svg`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 70, 60, 50
OURS, THEIRS = "#1b7f5c", "#9aa0a6"


def chart(figures: dict[str, Any]) -> str:
    """Bars of milliseconds a frame for each number of objects: ours, and transformers'."""
    rows, model = figures["counts"], figures["model"]
    most = max(row["reference_ms"] for row in rows) * 1.1
    height, step = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT - 20) / len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">Milliseconds a frame, {model["id"]} at {model["size"]}: '
        f'<tspan fill="{OURS}">streamer ({model["runtime"]})</tspan> and '
        f'<tspan fill="{THEIRS}">transformers\' loop</tspan></text>',
        f'<line x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - 20}" y2="{HEIGHT - BOTTOM}" stroke="black"/>',
    ]
    for index, row in enumerate(rows):
        for place, (name, fill) in enumerate((("ours_ms", OURS), ("reference_ms", THEIRS))):
            tall = height * row[name] / most
            x, y = LEFT + step * index + step * (0.15 + 0.35 * place), HEIGHT - BOTTOM - tall
            middle = x + step * 0.165
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.33:.1f}" height="{tall:.1f}" fill="{fill}"/>'
                f'<text x="{middle:.1f}" y="{y - 5:.1f}" text-anchor="middle">{row[name]:,.0f}</text>'
            )
        below = f"{row['objects']} object{'s' if row['objects'] > 1 else ''}, {row['ratio']:.2f} times"
        middle = LEFT + step * (index + 0.5)
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{below}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(chart(json.loads(Path(sys.argv[1]).read_text())))
