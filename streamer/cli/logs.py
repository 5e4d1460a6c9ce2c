"""The log: lines for people, or JSON for machines; passwords in neither."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from streamer.uris import redact

Form = Literal["text", "json"]


class Plain(logging.Formatter):
    """`I a message`."""

    def __init__(self) -> None:
        super().__init__("%(levelname).1s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class Structured(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, thread, message, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields)


class Handler(logging.StreamHandler[TextIO]):
    """Writes above the progress bar of a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm = sys.modules.get("tqdm")  # a command without progress does not import it
        if tqdm is None or not self.stream.isatty():
            super().emit(record)
            return
        with tqdm.tqdm.external_write_mode(file=self.stream):
            super().emit(record)


def begin(form: Form, *, debug: bool) -> None:
    """Log to stderr from now on."""
    handler = Handler(sys.stderr)
    handler.setFormatter(Structured() if form == "json" else Plain())
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])
    for chatty in ("httpx", "httpcore", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
