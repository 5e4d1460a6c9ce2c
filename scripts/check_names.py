#!/usr/bin/env python
"""Fail where an old name is left in code, documents, help or the page, or where a document is hard to read.

One word for one thing: the old names of modules, classes and settings, and in documents and in the package
"picture" for a frame and phrases that a reader has to read twice.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOVED = "a module of a package in ARCHITECTURE.md"
GIVEN_UP = {
    r"\bAllowances?\b": "TokenBucket",
    r"\bTurns\b": "FairQueue",
    r"\bCourier\b": "EventDelivery",
    r"\bStation\b": "ServeApp",
    r"\bFocus\b": "SearchWindow",
    r"\bRules\b": "TrackingSettings",
    r"\bWish\b": "EventSettings",
    r"\bPasses\b": "Credentials",
    r"\b(Gate|Guard)\b": "AccessPolicy, AccessMiddleware, CurveAuthenticator",
    r"\b(Described|Timely|Lasting|Prompting|Notified|Watching)\b": "HasStreamInfo, CountsLateFrames, ...",
    r"\bpoint_(one|best)\b": "prompt_decoder_single, prompt_decoder_best",
    r"\bseen_above\b": "score_threshold",
    r"\bstay_s\b": "dwell_s",
    r"\bremember_(above|hidden)\b": "removed",
    r"\b(robust=|tracking\.robust\b)": "tracking.extensions",
    r"\bfind\.(most|covered|by)\b": "find.max_objects, find.overlap_threshold, find.method",
    r"\bevents\.(of|mb|clips_mb)\b|[?&]mb=": "clip_kinds, max_size_mb, clips_max_size_mb",
    r"\bpipeline\.meter\.": "pipeline.figures, pipeline.source_figures",
    r"\.jpegs\b": "jpeg_of(frame)",
    r"\bAsked\b": "ImagePrompts",
    r"\bGrid\(": "GridSettings",
    r"\bstreamer evaluate\b.* --pictures\b": "--worst-frames",
    r"\b(source_of|engine_of|tracker_of|snapshot_of|zones_of)\(": "build_source, build_engine, ...",
    r"\bstreamer\.(allocator|allowance|annotations|benchmarks|cameras|commands|control|keys)\b": MOVED,
    r"\bstreamer\.(lifecycle|metrics|parts|propagation|prompts|settings|sockets)\b": MOVED,
    r"\bstreamer\.(store|turns|verbs|wire|zones)\b": MOVED,
}
UNCLEAR = {
    r"(?i)(?<![`|?-])\bpictures?\b(?![`=])": "frame (of a source) or image (a file)",
    r"(?i)\b(is|are|be) said\b": "logged, or reported",
    r"(?i)\bthose (who|that)\b": "a noun",
    r"(?i)\b(?<!people )who (is|are|has|have)\b": "a noun",
    r"(?i)\bso (many|long|much)\b": "the quantity",
    r"(?i)\b(what becomes of|of that kind|as it is\b|is none\b|at home at|asked for wrongly)": "a plain sentence",
}
UNCLEAR_IN_CODE = {
    pattern: name for pattern, name in UNCLEAR.items() if "is none" not in pattern
}  # `is None` is Python
PENDING = tuple(  # they still have some of these
    ROOT / "streamer" / "edgetam" / name
    for name in (
        "automatic.py",
        "image.py",
        "object_table.py",
        "runtimes/openvino.py",
        "snapshot.py",
        "tracker.py",
        "weights.py",
    )
)
DOCUMENTS = (".md", ".yaml", ".yml")
RENAMES = ("CHANGELOG.md",)  # which says what was renamed
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".js", ".html", ".toml")


def main() -> int:
    found = [line for path in files() for line in hits(path)]
    for line in found:
        print(line, file=sys.stderr)
    return int(bool(found))


def files() -> list[Path]:
    folders = [ROOT / name for name in ("streamer", "scripts", "docs", "examples", "tests")]
    below = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]
    top = [path for path in sorted(ROOT.glob("*")) if path.suffix in SUFFIXES and path.name not in RENAMES]
    ours = (path for path in (*top, *below) if "node_modules" not in path.parts)
    return [path for path in ours if path != Path(__file__).resolve() and path.is_file()]


def hits(path: Path) -> list[str]:
    """A line for each old name and unclear phrase, with what to write."""
    patterns = dict(GIVEN_UP)
    if path.suffix in DOCUMENTS:
        patterns |= UNCLEAR
    elif path.is_relative_to(ROOT / "streamer") and path not in PENDING:
        patterns |= UNCLEAR_IN_CODE
    return [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {name}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for pattern, name in patterns.items()
        if (match := re.search(pattern, line))
    ]


if __name__ == "__main__":
    sys.exit(main())
