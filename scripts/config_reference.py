#!/usr/bin/env python
"""Write docs/configuration.md from the settings: each section and key with its type, default and meaning.

`scripts/config_reference.py --check` fails where the page is not up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from streamer.config.section import Section, sections_in
from streamer.config.settings import ServeSettings, Settings

PAGE = ROOT / "docs" / "configuration.md"
HEAD = """# Configuration

Generated from the settings by `scripts/config_reference.py`. A file is YAML; `streamer run FILE` and
`streamer serve FILE` read it, and options of the command line override it. An unknown key is an error that names the
nearest known one. Examples come with the package: `streamer configs` lists them,
`streamer configs NAME` prints one to copy, and `streamer run NAME` runs one. A file of that name in the working
folder or in the user's folder (`~/.config/streamer` on Linux) comes first.
"""


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() != text:
            print(f"{PAGE.relative_to(ROOT)} is out of date: run scripts/config_reference.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text)
    return 0


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    commands: dict[str, type[Section]] = {"streamer run": Settings, "streamer serve": ServeSettings}
    for title, model in commands.items():
        parts.append(f"\n## `{title}`\n\n{table(model)}")
    for model in sections(Settings, ServeSettings):
        doc = " ".join((model.__doc__ or "").split())
        parts.append(f"\n## {model.__name__}\n\n{doc}\n\n{table(model)}")
    return "".join(parts)


def sections(*tops: type[Section]) -> list[type[Section]]:
    """Every section below these, each once, in the order in which they are met."""
    found: dict[type[Section], None] = {}
    waiting = [section for top in tops for section in below(top)]
    while waiting:
        section = waiting.pop(0)
        if section not in found:
            found[section] = None
            waiting += below(section)
    return list(found)


def below(model: type[Section]) -> list[type[Section]]:
    return [section for field in model.model_fields.values() for section in sections_in(field.annotation)]


def table(model: type[Section]) -> str:
    rows = [row(name, field) for name, field in model.model_fields.items()]
    return "| key | type | default | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def row(name: str, field: FieldInfo) -> str:
    limits = ", ".join(shown for limit in field.metadata if (shown := limit_of(limit)))
    meaning = field.description or ""
    if limits:
        meaning += f" ({limits})" if meaning else limits
    cells = (f"`{name}`", f"`{shown_type(field.annotation)}`", f"`{default_of(field)}`", meaning)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def limit_of(limit: Any) -> str:
    """One limit of a value, such as `> 0`."""
    for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="), ("min_length", "at least")):
        if (value := getattr(limit, name, None)) is not None:
            return f"{sign} {value}"
    pattern = getattr(limit, "pattern", None)
    return f"pattern {pattern}" if pattern else ""


def shown_type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = re.sub(r"Annotated\[(\w+), FieldInfo\(.*?\)\](?=[,\]]|$)", r"\1", text)
    for long in ("streamer.config.settings.", "typing.", "pathlib."):
        text = text.replace(long, "")
    return text


def default_of(field: FieldInfo) -> str:
    if field.default is not PydanticUndefined:
        return str(field.default)
    return "its section's defaults" if field.default_factory is not None else "required"


if __name__ == "__main__":
    sys.exit(main())
