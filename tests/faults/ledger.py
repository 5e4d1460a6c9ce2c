"""What the faults did, as a table. STREAMER_FAULT_TIMES says how often each is tried (1)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

TIMES = int(os.environ.get("STREAMER_FAULT_TIMES", "1"))


@dataclass
class Row:
    recoveries_s: list[float] = field(default_factory=list)
    stale: int = 0
    kept: int = 0
    objects: int = 0


rows: dict[str, Row] = {}


def note(fault: str, recovery_s: float, *, stale: int = 0, kept: int = 0, objects: int = 0) -> None:
    row = rows.setdefault(fault, Row())
    row.recoveries_s.append(recovery_s)
    row.stale += stale
    row.kept += kept
    row.objects += objects


def table() -> list[str]:
    lines = [
        "| fault | tried | recovery, median s | worst s | stale as live | objects kept |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for fault, row in rows.items():
        took = row.recoveries_s
        kept = f"{row.kept} of {row.objects}" if row.objects else ""
        lines.append(f"| {fault} | {len(took)} | {np.median(took):.1f} | {max(took):.1f} | {row.stale} | {kept} |")
    return lines
